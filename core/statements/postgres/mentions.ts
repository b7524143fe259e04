/** Which items of a query level an expression mentions: what a condition can narrow. */
import { type Frame, frameOf, isTold } from "./inner-items.ts";
import { as, type Fields, type Node, stringsOf, tagOf } from "./tree.ts";
import type { Level, Source } from "./work.ts";

/** A condition larger than this narrows nothing, so that nested subqueries cannot make analysis slow. */
const CONDITION_NODES_MAX = 20_000;

/** The items of this level whose columns stand in an expression; none when that cannot be told. */
export function sourcesTouched(node: Node, level: Level): Set<Source> {
  const touched = new Set<Source>();
  let nodes = 0;
  let unclear = false;
  collect(node, { insideSubquery: false, frame: undefined });
  return unclear || nodes > CONDITION_NODES_MAX ? new Set() : touched;

  function collect(value: unknown, place: Place): void {
    if (typeof value !== "object" || value === null || ++nodes > CONDITION_NODES_MAX) return;
    if (Array.isArray(value)) {
      for (const item of value) collect(item, place);
      return;
    }
    for (const field in value)
      collectField(field, (value as Readonly<Record<string, unknown>>)[field], place);
  }

  function collectField(field: string, value: unknown, place: Place): void {
    if (field === "ColumnRef") mention(value as Fields<"ColumnRef">, place);
    else if (field === "CurrentOfExpr") {
      // The row of a cursor is one row of the target, which stands first.
      if (level.sources[0] !== undefined) touched.add(level.sources[0]);
    } else if (field === "SelectStmt" || isArm(field, value)) {
      collectQuery(value as Fields<"SelectStmt">, place);
    } else {
      const insideSubquery = place.insideSubquery || (field === "subselect" && hasItems(value));
      collect(value, { ...place, insideSubquery });
    }
  }

  /** Its WITH queries see nothing of its FROM, and the items of its FROM only some of each other. */
  function collectQuery(query: Fields<"SelectStmt">, place: Place): void {
    const { withClause, fromClause, ...rest } = query;
    const frame = frameOf(fromClause, place.frame);
    collect(withClause, place);
    collect(fromClause, { ...place, frame: frame && { ...frame, partly: true } });
    collect(rest, { ...place, frame });
  }

  function mention(column: Fields<"ColumnRef">, { insideSubquery, frame }: Place): void {
    const parts = pathOf(column);
    const told = isTold(parts, frame);
    if (told === "inner") return;
    const source = sourceOf(parts, level, insideSubquery);
    // `orders.id = owner` ties orders to whichever item has the column, `orders.id = (c).id` to customers c.
    if (told === "unclear" || (source === undefined && couldBeOurs(parts, level, insideSubquery)))
      unclear = true;
    else if (source !== undefined) touched.add(source);
  }
}

interface Place {
  readonly insideSubquery: boolean;
  readonly frame: Frame | undefined;
}

/** An arm of a UNION and its kin is written without a tag; one of a JOIN has its own. */
const isArm = (field: string, value: unknown): boolean =>
  (field === "larg" || field === "rarg") &&
  typeof value === "object" &&
  value !== null &&
  tagOf(value) === undefined;

/** A bare name: a column of any item here, and even in a subquery with items of its own the row of the one so called. */
function couldBeOurs(parts: readonly string[], level: Level, insideSubquery: boolean): boolean {
  const [name, ...rest] = parts;
  return rest.length === 0 && (!insideSubquery || level.sources.some(({ alias }) => alias === name));
}

/** A subquery without FROM, as `(select id)`, has no column of its own. */
function hasItems(subselect: unknown): boolean {
  const select = as(subselect as Node, "SelectStmt");
  return select === undefined || select.fromClause !== undefined || select.larg !== undefined;
}

/** `orders.*` names its item as surely as `orders.id` does. */
function pathOf({ fields }: Fields<"ColumnRef">): string[] {
  const names = stringsOf(fields);
  return as(fields?.at(-1), "A_Star") === undefined ? names : [...names, "*"];
}

function sourceOf(parts: readonly string[], level: Level, insideSubquery: boolean): Source | undefined {
  // A bare name belongs to the one item there is; inside a subquery it is rather the subquery's own.
  if (parts.length === 1) return level.sources.length === 1 && !insideSubquery ? level.sources[0] : undefined;
  const [qualifier, table] = parts;
  const matches = level.sources.filter(
    (source) =>
      (parts.length === 2 && source.alias === qualifier) ||
      (parts.length > 2 && source.relations.some((each) => each.schema === qualifier && each.name === table)),
  );
  return matches.length === 1 ? matches[0] : undefined;
}
