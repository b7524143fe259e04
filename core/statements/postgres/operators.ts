/** Operators by the name that PostgreSQL looks up, where the syntax hides it too. */
import { called } from "./names.ts";
import { qualified, stringsOf } from "./tree.ts";
import type { Visitor, Work } from "./work.ts";

/** The tree keeps the word BETWEEN where it compares with these. */
const BETWEENS: Readonly<Record<string, readonly string[]>> = {
  AEXPR_BETWEEN: [">=", "<="],
  AEXPR_BETWEEN_SYM: [">=", "<="],
  AEXPR_NOT_BETWEEN: ["<", ">"],
  AEXPR_NOT_BETWEEN_SYM: ["<", ">"],
};

/** For IN, LIKE, IS DISTINCT FROM, NULLIF and `= ANY` the tree holds the real name already. */
export const visitExpression: Visitor<"A_Expr"> = (work, expression, scope) => {
  const between = BETWEENS[expression.kind ?? ""];
  if (between !== undefined) for (const name of between) called(work, "operator", undefined, name);
  else namedOperator(work, stringsOf(expression.name));
  work.visit(expression.lexpr, scope);
  work.visit(expression.rexpr, scope);
};

/** `CASE x WHEN y` compares with =. */
export const visitCase: Visitor<"CaseExpr"> = (work, choice, scope) => {
  if (choice.arg !== undefined) called(work, "operator", undefined, "=");
  work.children("CaseExpr", choice, scope);
};

/** ORDER BY … USING. */
export const visitSortBy: Visitor<"SortBy"> = (work, sort, scope) => {
  if (sort.useOp !== undefined) namedOperator(work, stringsOf(sort.useOp));
  work.visit(sort.node, scope);
};

/** USING and NATURAL compare with =. */
export function tieOperators(work: Work): void {
  called(work, "operator", undefined, "=");
}

export function namedOperator(work: Work, parts: readonly string[]): void {
  const { schema, name } = qualified(parts);
  called(work, "operator", schema, name);
}
