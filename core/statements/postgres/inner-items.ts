/** The items of a subquery's own FROM, which hide those of the same name around it. */
import { as, type Fields, type Node } from "./tree.ts";

export interface Frame {
  /** What a qualifier before a column may mean here. */
  readonly aliases: Set<string>;
  /** Below a join with an alias of its own: seen by that join's condition alone. */
  readonly covered: Set<string>;
  /** Relations by their own name, which `schema.relation.column` may mean. */
  readonly relations: Set<string>;
  /** Inside this FROM itself, where an item sees only those before it, and a subquery not even those without LATERAL. */
  readonly partly: boolean;
  readonly outer: Frame | undefined;
}

export function frameOf(from: readonly Node[] | undefined, outer: Frame | undefined): Frame | undefined {
  if (from === undefined) return outer;
  const frame: Frame = { aliases: new Set(), covered: new Set(), relations: new Set(), partly: false, outer };
  for (const item of from) addItem(frame, item, false);
  return frame;
}

/** Whether a column of that path is a subquery's own (`inner`), not, or may be. */
export function isTold(path: readonly string[], innermost: Frame | undefined): "inner" | "outer" | "unclear" {
  const [qualifier = ""] = path;
  for (let frame = innermost; frame !== undefined; frame = frame.outer) {
    if (path.length === 2) {
      if (frame.covered.has(qualifier)) return "unclear";
      if (frame.aliases.has(qualifier)) return frame.partly ? "unclear" : "inner";
    }
    if (path.length > 2 && frame.relations.has(path.at(-2) ?? "")) return "unclear";
  }
  return "outer";
}

function addItem(frame: Frame, item: Node, isCovered: boolean): void {
  const sample = as(item, "RangeTableSample");
  if (sample?.relation !== undefined) return addItem(frame, sample.relation, isCovered);
  const join = as(item, "JoinExpr");
  if (join !== undefined) return addJoin(frame, join, isCovered);
  const relation = as(item, "RangeVar");
  if (relation?.relname !== undefined) frame.relations.add(relation.relname);
  const alias = relation === undefined ? aliasOf(item) : (relation.alias?.aliasname ?? relation.relname);
  if (alias !== undefined) (isCovered ? frame.covered : frame.aliases).add(alias);
  // A function without an alias goes by its own name.
  else frame.covered.add(functionName(item) ?? "");
}

function addJoin(frame: Frame, join: Fields<"JoinExpr">, isCovered: boolean): void {
  const names = isCovered ? frame.covered : frame.aliases;
  for (const { aliasname } of [join.alias ?? {}, join.join_using_alias ?? {}]) {
    if (aliasname !== undefined) names.add(aliasname);
  }
  const isBelow = isCovered || join.alias !== undefined;
  for (const arm of [join.larg, join.rarg]) if (arm !== undefined) addItem(frame, arm, isBelow);
}

/** Of an item of FROM that is no relation and no join. */
export function aliasOf(item: Node): string | undefined {
  const fields =
    as(item, "RangeSubselect") ??
    as(item, "RangeFunction") ??
    as(item, "RangeTableFunc") ??
    as(item, "JsonTable");
  return fields?.alias?.aliasname;
}

function functionName(item: Node): string | undefined {
  const [first] = as(item, "RangeFunction")?.functions ?? [];
  const call = as(as(first, "List")?.items?.[0], "FuncCall");
  return as(call?.funcname?.at(-1), "String")?.sval;
}
