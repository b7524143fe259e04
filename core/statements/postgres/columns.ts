/** Column references: which relation they belong to where syntax tells, and the calls that attribute notation may hide. */
import type { RelationName } from "./facts.ts";
import { calledAsAttribute } from "./names.ts";
import { as, type Fields, stringsOf } from "./tree.ts";
import type { Level, Scope, Source, Visitor, Work } from "./work.ts";

export const visitColumnRef: Visitor<"ColumnRef"> = (work, ref, scope) => {
  const parts = stringsOf(ref.fields);
  const isStar = as(ref.fields?.at(-1), "A_Star") !== undefined;
  const last = parts.at(-1);
  if (isStar || last === undefined) return starred(work, parts, scope);
  // `orders.leak` is a column or the function leak(orders).
  if (parts.length > 1) calledAsAttribute(work, last);
  const use = ownerOf(parts, scope);
  for (const column of use.columns) {
    if (use.relations.length === 0) work.facts.column({ column });
    for (const relation of use.relations) work.facts.column({ relation, column });
  }
};

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
  for (const relation of relations) work.facts.column({ relation, column: "*" });
  if (relations.length === 0) work.facts.column({ column: "*" });
}

interface Owner {
  readonly relations: readonly RelationName[];
  readonly columns: readonly string[];
}

function ownerOf(parts: readonly string[], scope: Scope): Owner {
  const [first, second] = parts;
  if (first === undefined) return { relations: [], columns: [] };
  if (second !== undefined) {
    const sources = found(parts.slice(0, -1), scope);
    return { relations: sources.flatMap((source) => source.relations), columns: [parts.at(-1) ?? first] };
  }
  // A bare name may be a column, or an item of FROM taken as a whole row.
  const whole = found([first], scope).flatMap((source) => source.relations);
  if (whole.length > 0) return { relations: whole, columns: ["*", first] };
  return { relations: onlySource(scope.level)?.relations ?? [], columns: [first] };
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
  if (source.alias === first) return true;
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
