/** Reads what masks could reach: the relations, their columns, families and the queries behind views. */
import type { ColumnMask } from "#core/policy/decision.ts";
import { lineageOf } from "./lineage.ts";
import type { GraphRelation } from "./protection.ts";
import { COLUMNS, GENERATED, PARENTS, REACHED, READERS_OF_PINNED, VIEW_RULES } from "./queries.ts";
import { SideFailure, valuesOf } from "./side-connection.ts";
import { isStatistics } from "./statistics.ts";
import { limitOf, type Question, type Snapshot } from "./snapshot.ts";
import { eachRow } from "./turns.ts";

export interface GraphRows {
  readonly reached: readonly Buffer[];
  readonly columns: readonly Buffer[];
  readonly parents: readonly Buffer[];
  readonly generated: readonly Buffer[];
  readonly rules: readonly Buffer[];
}

/** Below it pg_depend says nothing (`FirstUnpinnedObjectId`). */
const FIRST_UNPINNED_OID = 12_000;
/** A larger query behind a view is not read: every column of the view is then taken for made of everything. */
const RULE_BYTES_MAX = 512 * 1024;

const NOTHING: GraphRows = { reached: [], columns: [], parents: [], generated: [], rules: [] };

export async function readGraph(ask: Snapshot, question: Question): Promise<GraphRows> {
  const { masks, limits } = question;
  if (masks.length === 0) return NOTHING;
  const limit = limitOf(question);
  const reached = await reachedBy(ask, masks, limit);
  const oids = arrayOf(oidsOf(reached).map(String));
  const columns = await ask.rows(COLUMNS, [oids, limit]);
  if (Math.max(reached.length, columns.length) > limits.rowsMax)
    throw new SideFailure("the masks reach more relations than the gateway follows");
  return {
    reached,
    columns,
    parents: await ask.rows(PARENTS, [oids]),
    generated: await ask.rows(GENERATED, [oids]),
    rules: await ask.rows(VIEW_RULES, [arrayOf(viewed(reached)), String(RULE_BYTES_MAX), limit]),
  };
}

async function reachedBy(ask: Snapshot, masks: readonly ColumnMask[], limit: string): Promise<Buffer[]> {
  const patterns = [
    masks.map(({ schema }) => schema),
    masks.map(({ table }) => table),
    masks.map(({ column }) => column),
  ].map(arrayOf);
  const reached = await ask.rows(REACHED, [...patterns, "{}", limit]);
  const pinned = oidsOf(reached.filter((row) => !isOfStatistics(row))).filter(
    (oid) => oid < FIRST_UNPINNED_OID,
  );
  if (pinned.length === 0) return reached;
  const readers = await ask.rows(READERS_OF_PINNED, [arrayOf(pinned.map(String))]);
  return ask.rows(REACHED, [...patterns, arrayOf(oidsOf(readers).map(String)), limit]);
}

/** Statistics and the views over them are masked column by column, whatever those are made of. */
const viewed = (reached: readonly Buffer[]): string[] =>
  oidsOf(reached.filter((row) => !isOfStatistics(row))).map(String);

function isOfStatistics(row: Buffer): boolean {
  const [, schema, name] = valuesOf(row);
  return isStatistics(schema ?? "", name ?? "");
}

const oidsOf = (rows: readonly Buffer[]): number[] => rows.map((row) => Number(valuesOf(row)[0]));

/** An array as PostgreSQL reads it from text. */
const arrayOf = (values: readonly string[]): string =>
  `{${values.map((value) => `"${value.replaceAll(/["\\]/g, "\\$&")}"`).join(",")}}`;

export async function graphOf(rows: GraphRows): Promise<readonly GraphRelation[]> {
  const columns = await grouped(rows.columns, ([, number, name]): [number, string] => [
    Number(number),
    name ?? "",
  ]);
  const parents = await grouped(rows.parents, ([, parent]) => Number(parent));
  const generated = await grouped(rows.generated, ([, column, from]) => ({
    column: Number(column),
    from: Number(from),
  }));
  const views = await viewsOf(rows.rules);
  const relations: GraphRelation[] = [];
  await eachRow(rows.reached, ([oidText, schema, name, toast, isView]) => {
    const oid = Number(oidText);
    const view = views.get(oid);
    relations.push({
      oid,
      schema: schema ?? "",
      name: name ?? "",
      toast: toast ?? undefined,
      columns: new Map(columns.get(oid)),
      parents: parents.get(oid) ?? [],
      generated: generated.get(oid) ?? [],
      view: isView === "t" ? (view?.lineage ?? "unreadable") : undefined,
      reads: view?.reads ?? [],
    });
  });
  return relations;
}

interface View {
  readonly lineage: GraphRelation["view"];
  readonly reads: readonly number[];
}

async function viewsOf(rows: readonly Buffer[]): Promise<Map<number, View>> {
  const views = new Map<number, View>();
  await eachRow(rows, ([oid, rule, dependencies]) => {
    const lineage = (rule === null || rule === undefined ? undefined : lineageOf(rule)) ?? "unreadable";
    // pg_depend keeps quiet of what is pinned, the lineage does not.
    const sources = lineage === "unreadable" ? [] : [...lineage.values()].flat();
    const named = (dependencies ?? "").split(",").filter((each) => each !== "");
    const reads = new Set([...named.map(Number), ...sources.map(({ relation }) => relation)]);
    views.set(Number(oid), { lineage, reads: [...reads] });
  });
  return views;
}

/** By the oid that stands first. */
async function grouped<Value>(
  rows: readonly Buffer[],
  read: (values: (string | null)[]) => Value,
): Promise<Map<number, Value[]>> {
  const groups = new Map<number, Value[]>();
  await eachRow(rows, (values) => {
    const oid = Number(values[0]);
    const group = groups.get(oid);
    if (group === undefined) groups.set(oid, [read(values)]);
    else group.push(read(values));
  });
  return groups;
}
