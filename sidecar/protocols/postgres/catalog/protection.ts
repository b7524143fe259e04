/** What a set of masks covers in one database: columns by name, and every other column that shows their values. */
import type { ColumnMask, MaskAction } from "#core/policy/decision.ts";
import { keyOf } from "#core/statements/postgres/live.ts";
import type { SourceColumn, ViewLineage } from "./lineage.ts";

/** One relation that masks could reach: it has a column that they name, or is related to one that has. */
export interface GraphRelation {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  /** The table's own store for large values, in pg_toast. */
  readonly toast: string | undefined;
  readonly columns: ReadonlyMap<number, string>;
  readonly parents: readonly number[];
  /** Generated columns and what they are generated from. */
  readonly generated: readonly { readonly column: number; readonly from: number }[];
  /** Absent: no view. `unreadable`: a view whose columns could be made from anything it reads. */
  readonly view: ViewLineage | "unreadable" | undefined;
  /** The relations that a view reads, as far as they are in the graph. */
  readonly reads: readonly number[];
}

/** A relation with masks on it, or a view that reads one. */
export interface Guarded {
  /** By number; undefined: nothing of a masked column shows there. */
  readonly byNumber: ReadonlyMap<number, MaskAction | undefined>;
  readonly byName: ReadonlyMap<string, MaskAction | undefined>;
  /** The strongest of them: what a whole row shows. */
  readonly row: MaskAction | undefined;
}

export interface Protection {
  readonly byOid: ReadonlyMap<number, Guarded>;
  /** By `keyOf`. A temporary relation also stands under pg_temp, with those of the same name in other sessions. */
  readonly byName: ReadonlyMap<string, readonly Guarded[]>;
}

const TEMPORARY = /^pg_temp_\d+$/;

type Labels = Map<number, Map<number, MaskAction>>;

export function protect(graph: readonly GraphRelation[], masks: readonly ColumnMask[]): Protection {
  const labels = labelled(graph, masks);
  const touched = touchedBy(graph, labels);
  const byOid = new Map<number, Guarded>();
  const byName = new Map<string, Guarded[]>();
  const named = (schema: string, name: string, guarded: Guarded): void => {
    const key = keyOf({ schema, name });
    const known = byName.get(key);
    if (known === undefined) byName.set(key, [guarded]);
    else known.push(guarded);
  };
  for (const relation of graph) {
    if (!touched.has(relation.oid)) continue;
    const guarded = guardedOf(relation, labels.get(relation.oid) ?? new Map());
    byOid.set(relation.oid, guarded);
    named(relation.schema, relation.name, guarded);
    if (TEMPORARY.test(relation.schema)) named("pg_temp", relation.name, guarded);
    if (relation.toast !== undefined && guarded.row !== undefined)
      named("pg_toast", relation.toast, { byNumber: new Map(), byName: new Map(), row: guarded.row });
  }
  return { byOid, byName };
}

function guardedOf({ columns }: GraphRelation, labels: ReadonlyMap<number, MaskAction>): Guarded {
  const byNumber = new Map([...columns.keys()].map((number) => [number, labels.get(number)]));
  const byName = new Map([...columns].map(([number, name]) => [name, labels.get(number)]));
  return { byNumber, byName, row: strongest(labels.values()) };
}

function labelled(graph: readonly GraphRelation[], masks: readonly ColumnMask[]): Labels {
  const labels: Labels = new Map(graph.map((relation) => [relation.oid, ownLabels(relation, masks)]));
  const byOid = new Map(graph.map((relation) => [relation.oid, relation]));
  inherit(graph, byOid, labels);
  untilStable(graph, ({ generated, oid }) =>
    anyOf(generated.map(({ column, from }) => put(labels, oid, column, labels.get(oid)?.get(from)))),
  );
  showChildren(graph, byOid, labels);
  untilStable(graph, (relation) => labelView(relation, labels));
  return labels;
}

function ownLabels(relation: GraphRelation, masks: readonly ColumnMask[]): Map<number, MaskAction> {
  const covering = masks.filter((mask) => covers(mask, relation));
  const own = new Map<number, MaskAction>();
  for (const [number, name] of relation.columns) {
    const action = strongest(covering.filter(({ column }) => column === name).map((mask) => mask.action));
    if (action !== undefined) own.set(number, action);
  }
  return own;
}

const covers = (mask: ColumnMask, { schema, name }: GraphRelation): boolean =>
  (mask.schema === "*" || mask.schema === schema || (mask.schema === "pg_temp" && TEMPORARY.test(schema))) &&
  (mask.table === "*" || mask.table === name);

/** What holds for a table holds for its partitions and children, whose rows are its rows. */
function inherit(
  graph: readonly GraphRelation[],
  byOid: ReadonlyMap<number, GraphRelation>,
  labels: Labels,
): void {
  untilStable(graph, (child) => {
    const parents = child.parents.flatMap((oid) => byOid.get(oid) ?? []);
    return anyOf(parents.map((parent) => copyByName(parent, child, labels)));
  });
}

/** A table shows the rows of its children, so what holds for one of them holds for it; but not for their siblings. */
function showChildren(
  graph: readonly GraphRelation[],
  byOid: ReadonlyMap<number, GraphRelation>,
  labels: Labels,
): void {
  untilStable(graph, (child) => {
    const parents = child.parents.flatMap((oid) => byOid.get(oid) ?? []);
    return anyOf(parents.map((parent) => copyByName(child, parent, labels)));
  });
}

const anyOf = (changes: readonly boolean[]): boolean => changes.includes(true);

function copyByName(from: GraphRelation, to: GraphRelation, labels: Labels): boolean {
  let changed = false;
  for (const [number, action] of labels.get(from.oid) ?? []) {
    const name = from.columns.get(number);
    for (const [own, ownName] of to.columns)
      if (ownName === name && put(labels, to.oid, own, action)) changed = true;
  }
  return changed;
}

function labelView(relation: GraphRelation, labels: Labels): boolean {
  const { view, oid, columns, reads } = relation;
  if (view === undefined) return false;
  let changed = false;
  for (const number of columns.keys()) {
    // A column that the lineage does not know could be made of everything.
    const sources =
      (view === "unreadable" ? undefined : view.get(number)) ??
      reads.map((each) => ({ relation: each, column: 0 }));
    const action = strongest(sources.map((source) => labelOf(source, labels)));
    if (put(labels, oid, number, action)) changed = true;
  }
  return changed;
}

function labelOf({ relation, column }: SourceColumn, labels: Labels): MaskAction | undefined {
  const own = labels.get(relation);
  if (own === undefined) return undefined;
  return column === 0 ? strongest(own.values()) : own.get(column);
}

/** Relations whose rows, or whose errors, could hold a masked value: those with a label and the views that read them. */
function touchedBy(graph: readonly GraphRelation[], labels: Labels): Set<number> {
  const touched = new Set(graph.filter(({ oid }) => (labels.get(oid)?.size ?? 0) > 0).map(({ oid }) => oid));
  untilStable(graph, ({ oid, reads }) => {
    if (touched.has(oid) || !reads.some((each) => touched.has(each))) return false;
    touched.add(oid);
    return true;
  });
  return touched;
}

/** True when it says more than before. */
function put(labels: Labels, oid: number, column: number, action: MaskAction | undefined): boolean {
  const own = labels.get(oid);
  if (action === undefined || own === undefined) return false;
  const known = own.get(column);
  if (known === action || known === "nullify") return false;
  own.set(column, action);
  return true;
}

/** Labels only ever grow, so this ends. */
function untilStable(graph: readonly GraphRelation[], step: (relation: GraphRelation) => boolean): void {
  let changed = true;
  while (changed) {
    changed = false;
    for (const relation of graph) if (step(relation)) changed = true;
  }
}

export function strongest(actions: Iterable<MaskAction | undefined>): MaskAction | undefined {
  let found: MaskAction | undefined;
  for (const action of actions) {
    if (action === "nullify") return action;
    found ??= action;
  }
  return found;
}
