/**
 * When does a query hand on every row of a relation? This is the "dump the whole table" fact, and it errs towards yes.
 *
 * A condition narrows the relations whose columns it tests, and those joined to them. So `orders, customers where
 * orders.id = 1` narrows orders alone, while with `and customers.id = orders.customer_id` both are narrowed. These do
 * not narrow: a condition that is true whatever the row holds, one that tests no column (`$1`, `random() < 2`), one
 * arm of an OR (every arm must test the relation), IS NOT NULL, a column compared with itself, the ON of an outer join,
 * HAVING, and OFFSET. Other tautologies over columns (`id > 0`, `id < 9 or id > 1`) are not recognised: a rule that
 * must hold against a hostile author limits rows as well.
 *
 * A constant LIMIT of up to LIMIT_ROWS_MAX narrows everything below it, and so does an aggregate without GROUP BY when
 * every column of the result is summed up (`count(*)`, not `json_agg(t)`). Neither they nor a condition narrow what a
 * query below has collected into values: one row of `select json_agg(t) from t` is the whole table.
 */
import { constantOf, isNeverTrue } from "./constants.ts";
import { isCollector, isSummary } from "./functions.ts";
import { sourcesTouched } from "./mentions.ts";
import { as, type Fields, type Node, qualified, stringsOf, tagOf } from "./tree.ts";
import type { Deed, Level, Source } from "./work.ts";

/** A constant LIMIT above this is as good as none. */
export const LIMIT_ROWS_MAX = 10_000;

/** The reads of this level that come out whole. */
export function openReads(level: Level, where: Node | undefined): Deed[] {
  if (where !== undefined && isNeverTrue(where)) return [];
  const narrowed = narrowedSources(level, where);
  return once(
    level.sources.flatMap((source) => (narrowed.has(source) ? stillOpen(source.open) : source.open)),
  );
}

/** Each read once, or a chain of WITH queries that each name the one before twice would double them at every link. */
export const once = (open: readonly Deed[]): Deed[] => [...new Set(open)];

/** What of these reads comes out whole though few rows do. */
export const stillOpen = (open: readonly Deed[]): Deed[] => open.filter((deed) => deed.collected);

/** Notes of the reads below that their rows are gathered into values of this query. */
export function collectInto(stmt: Fields<"SelectStmt">, open: readonly Deed[]): void {
  if (open.length > 0 && collects(stmt.targetList)) for (const deed of open) deed.collected = true;
}

/** Looks into subqueries too: an aggregate there is this level's own when its arguments are. */
function collects(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const tag = tagOf(value);
  if (tag === "JsonArrayAgg" || tag === "JsonObjectAgg") return true;
  // `c.json_agg` calls json_agg(c) unless c has such a column.
  const names =
    tag === "FuncCall"
      ? as(value as Node, "FuncCall")?.funcname
      : tag === "ColumnRef"
        ? as(value as Node, "ColumnRef")?.fields?.slice(1)
        : tag === "A_Indirection"
          ? as(value as Node, "A_Indirection")?.indirection
          : undefined;
  if (stringsOf(names).some(isCollector)) return true;
  return Object.values(value).some(collects);
}

export function isLimited(stmt: Fields<"SelectStmt">): boolean {
  // WITH TIES returns as many rows as are equal.
  if (stmt.limitCount === undefined || stmt.limitOption === "LIMIT_OPTION_WITH_TIES") return false;
  const rows = constantOf(stmt.limitCount);
  return typeof rows === "number" && rows <= LIMIT_ROWS_MAX;
}

export function isSummedUp(stmt: Fields<"SelectStmt">): boolean {
  if ((stmt.groupClause?.length ?? 0) > 0 || (stmt.distinctClause?.length ?? 0) > 0) return false;
  const found = { summary: false, other: false };
  for (const target of stmt.targetList ?? []) findSummaries(target, found);
  return found.summary && !found.other;
}

function findSummaries(value: unknown, found: { summary: boolean; other: boolean }): void {
  if (typeof value !== "object" || value === null) return;
  const tag = tagOf(value);
  if (tag === "ColumnRef" || tag === "SubLink" || tag === "JsonArrayAgg" || tag === "JsonObjectAgg") {
    found.other = true;
    return;
  }
  const call = tag === "FuncCall" ? as(value as Node, "FuncCall") : undefined;
  if (call !== undefined) {
    const { schema, name } = qualified(stringsOf(call.funcname));
    if (call.over === undefined && isSummary(schema, name)) {
      found.summary = true;
      return;
    }
  }
  for (const child of Object.values(value)) findSummaries(child, found);
}

/** What one condition does: the sources that it tests alone, and those that it ties together. */
interface Effect {
  readonly tests: Set<Source>;
  readonly ties: Source[][];
}

function narrowedSources(level: Level, where: Node | undefined): Set<Source> {
  const groups = new Map<Source, Set<Source>>(level.sources.map((source) => [source, new Set([source])]));
  const tested = new Set(level.sources.filter((source) => source.bounded));
  for (const join of level.joins) {
    if (join.byName) tieByName(groups, join.left, join.right);
    const effect = effectOf(join.quals, level);
    for (const tie of effect.ties) tieAll(groups, tie);
    if (!join.outer) for (const source of effect.tests) tested.add(source);
  }
  const effect = effectOf(where, level);
  for (const tie of effect.ties) tieAll(groups, tie);
  for (const source of effect.tests) tested.add(source);
  const narrowed = new Set<Source>();
  for (const source of tested) for (const member of groups.get(source) ?? []) narrowed.add(member);
  return narrowed;
}

function tieAll(groups: Map<Source, Set<Source>>, tie: readonly Source[]): void {
  const all = new Set(tie.flatMap((source) => [...(groups.get(source) ?? [])]));
  for (const member of all) groups.set(member, all);
}

/** USING does not say which item on its left has the column, unless those already hang together. */
function tieByName(
  groups: Map<Source, Set<Source>>,
  left: readonly Source[],
  right: readonly Source[],
): void {
  const hangsTogether = (side: readonly Source[]): boolean =>
    side.every((source) => side[0] !== undefined && groups.get(side[0])?.has(source) === true);
  if (hangsTogether(left) && hangsTogether(right)) tieAll(groups, [...left, ...right]);
}

function effectOf(node: Node | undefined, level: Level): Effect {
  const none: Effect = { tests: new Set(), ties: [] };
  if (node === undefined) return none;
  const logic = as(node, "BoolExpr");
  if (logic?.boolop === "AND_EXPR") {
    const effects = (logic.args ?? []).map((arg) => effectOf(arg, level));
    return {
      tests: new Set(effects.flatMap((effect) => [...effect.tests])),
      ties: effects.flatMap((effect) => effect.ties),
    };
  }
  if (logic?.boolop === "OR_EXPR") {
    const arms = (logic.args ?? [])
      .filter((arg) => !isNeverTrue(arg))
      .map((arg) => effectOf(arg, level).tests);
    const [first, ...rest] = arms;
    if (first === undefined) return none;
    return { tests: new Set([...first].filter((source) => rest.every((arm) => arm.has(source)))), ties: [] };
  }
  if (constantOf(node) !== undefined || isHollow(node)) return none;
  const touched = sourcesTouched(node, level);
  return touched.size > 1 ? { tests: new Set(), ties: [[...touched]] } : { tests: touched, ties: [] };
}

/** Tests that hardly ever leave a row out. */
function isHollow(node: Node): boolean {
  if (as(node, "NullTest")?.nulltesttype === "IS_NOT_NULL") return true;
  const negated = as(node, "BoolExpr");
  if (negated?.boolop === "NOT_EXPR") return as(negated.args?.[0], "NullTest")?.nulltesttype === "IS_NULL";
  const expression = as(node, "A_Expr");
  if (expression === undefined) return false;
  if (expression.kind === "AEXPR_LIKE" || expression.kind === "AEXPR_ILIKE") {
    const pattern = constantOf(expression.rexpr);
    return typeof pattern === "string" && /^%+$/.test(pattern);
  }
  const [left, right] = [as(expression.lexpr, "ColumnRef"), as(expression.rexpr, "ColumnRef")];
  return left !== undefined && right !== undefined && columnPath(left) === columnPath(right);
}

const columnPath = (column: Fields<"ColumnRef">): string => stringsOf(column.fields).join("\0");
