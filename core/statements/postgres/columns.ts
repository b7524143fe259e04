/** Column references: which relation they belong to where syntax tells, and the calls that attribute notation may hide. */
import type { RelationName } from "./facts.ts";
import { calledAsAttribute, isFunction } from "./names.ts";
import { as, type Fields, stringsOf } from "./tree.ts";
import type { Level, Scope, Source, Visitor, Work } from "./work.ts";

export const visitColumnRef: Visitor<"ColumnRef"> = (work, ref, scope) => {
  const names = stringsOf(ref.fields);
  const isStar = as(ref.fields?.at(-1), "A_Star") !== undefined;
  // The first of four is the database, and it can only be this one.
  const parts = names.length + (isStar ? 1 : 0) === 4 ? names.slice(1) : names;
  const last = parts.at(-1);
  if (isStar || last === undefined) return starred(work, parts, scope);
  if (parts.length === 1) return bare(work, last, scope);
  // `orders.leak` is a column or the function leak(orders).
  calledAsAttribute(work, last);
  const sources = found(parts.slice(0, -1), scope);
  const relations = sources.flatMap((source) => source.relations);
  for (const relation of relations) work.facts.column({ relation, column: last });
  if (relations.length === 0) work.facts.column({ column: last });
  if (isFunction(work, last))
    usedWhole(
      work,
      sources.flatMap((source) => source.rows ?? []),
    );
};

/** A column, or an item of FROM taken as a whole row. */
function bare(work: Work, name: string, scope: Scope): void {
  const whole = found([name], scope).flatMap((source) => [...source.relations, ...(source.rows ?? [])]);
  usedWhole(work, whole);
  const relations = whole.length > 0 ? whole : (onlySource(scope.level)?.relations ?? []);
  for (const relation of relations) work.facts.column({ relation, column: name });
  if (relations.length === 0) work.facts.column({ column: name });
}

export function usedWhole(work: Work, relations: readonly RelationName[]): void {
  for (const relation of relations) work.facts.column({ relation, column: "*" });
}

/** `(x).a.b[1].*` */
export const visitIndirection: Visitor<"A_Indirection"> = (work, indirection, scope) => {
  work.visit(indirection.arg, scope);
  for (const step of indirection.indirection ?? []) {
    const field = as(step, "String")?.sval;
    if (field === undefined) work.visit(step, scope);
    else {
      calledAsAttribute(work, field);
      work.facts.column({ column: field });
    }
  }
};

function starred(work: Work, parts: readonly string[], scope: Scope): void {
  const sources = parts.length === 0 ? (scope.level?.sources ?? []) : found(parts, scope);
  const relations = sources.flatMap((source) => source.relations);
  usedWhole(work, relations);
  if (relations.length === 0) work.facts.column({ column: "*" });
}

/** The items that a qualifier names, from the inside out. */
function found(qualifier: readonly string[], scope: Scope): Source[] {
  const [first, second] = qualifier;
  for (let level = scope.level; level !== undefined; level = level.outer) {
    const sources = level.sources.filter((source) => isNamed(source, first, second));
    if (sources.length > 0) return sources;
  }
  return [];
}

function isNamed(source: Source, first: string | undefined, second: string | undefined): boolean {
  if (source.alias === first || (first !== undefined && source.rowNames?.includes(first) === true))
    return true;
  return (
    second !== undefined && source.relations.some((each) => each.schema === first && each.name === second)
  );
}

/** A bare column is certain only where one item stands alone and nothing lies outside it. */
function onlySource(level: Level | undefined): Source | undefined {
  return level !== undefined && level.outer === undefined && level.sources.length === 1
    ? level.sources[0]
    : undefined;
}

/** Fields of a literal that stand in the text; NULL, TRUE and FALSE hold nothing of the author's. */
export const visitConstant: Visitor<"A_Const"> = (work, literal: Fields<"A_Const">) => {
  if (literal.isnull === true || literal.boolval !== undefined) return;
  if (literal.location !== undefined && literal.location >= 0) work.facts.literal(literal.location);
};
