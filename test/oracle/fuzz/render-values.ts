import type { Dice } from "./dice.ts";
import type { Condition, Numeric, Textual } from "./grammar.ts";
import { type Pen, type Scope, tableName } from "./pen.ts";

export function numeric(tree: Numeric, scope: Scope, pen: Pen): string {
  return wrapped(`${bareNumeric(tree, scope, pen)}::float8`, pen.dice);
}

export function textual(tree: Textual, scope: Scope, pen: Pen): string {
  return wrapped(`${bareTextual(tree, scope, pen)}::text`, pen.dice);
}

export function condition(tree: Condition, scope: Scope, pen: Pen): string {
  const bare = bareCondition(tree, scope, pen);
  return pen.dice.pick(bare, `(${bare})`);
}

function wrapped(text: string, dice: Dice): string {
  return dice.pick(text, `(${text})`, `((${text}))`, `(select ${text})`);
}

function bareNumeric(tree: Numeric, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  switch (tree.kind) {
    case "number":
      return String(tree.value);
    case "column":
      return scope.numbers[tree.nr % scope.numbers.length] ?? "0";
    case "sum": {
      const plus = dice.pick("+", "operator(pg_catalog.+)");
      return `(${numeric(tree.left, scope, pen)} ${plus} ${numeric(tree.right, scope, pen)})`;
    }
    case "length":
      return `${dice.pick("", "pg_catalog.")}length(${textual(tree.of, scope, pen)})`;
    case "random":
      return `${dice.pick("", "pg_catalog.")}random()`;
    case "count":
      return `(select count(*) from (${pen.query(tree.of, scope, pen)}) as ${pen.fresh("c")})`;
  }
}

function bareTextual(tree: Textual, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  switch (tree.kind) {
    case "text":
      return `'${tree.value}'`;
    case "textColumn":
      return scope.texts[tree.nr % scope.texts.length] ?? "'none'";
    case "upper":
      return `${dice.pick("", "pg_catalog.")}upper(${textual(tree.of, scope, pen)})`;
    case "joined": {
      const bars = dice.pick("||", "operator(pg_catalog.||)");
      return `(${textual(tree.left, scope, pen)} ${bars} ${textual(tree.right, scope, pen)})`;
    }
    case "secretValue":
      return `(select value from ${tableName("public.secrets", pen)} where id = ${numeric(tree.id, scope, pen)} limit 1)`;
    case "row":
      return rowOf(tree.nr, scope, dice);
    case "leak":
      return leakOf(tree.nr, scope, dice);
    case "sequence":
      return `${dice.pick("", "pg_catalog.")}nextval('public.order_numbers')`;
  }
}

// Here and below the plain form is the one that says surest whose columns are meant: in the others analysis may find
// fewer rows filtered, and never more.
function rowOf(nr: number, { rows }: Scope, dice: Dice): string {
  const row = rows[nr % rows.length];
  if (row === undefined) return "'none'";
  return dice.pick(`row(${row}.*)`, row, `(${row})`, `(select x from (select ${row}.*) as x)`);
}

/** A function of one row may be written as if it were a column of it. */
function leakOf(nr: number, { orders }: Scope, dice: Dice): string {
  const row = orders[nr % orders.length];
  if (row === undefined) return "'none'";
  return dice.pick(`${row}.leak`, `(${row}).leak`, `leak(${row})`, `public.leak(${row})`);
}

function bareCondition(tree: Condition, scope: Scope, pen: Pen): string {
  const { dice } = pen;
  switch (tree.kind) {
    case "true":
      return dice.pick("true", "not false", "1 = 1");
    case "equal": {
      const equal = dice.pick("=", "operator(pg_catalog.=)");
      return `${numeric(tree.left, scope, pen)} ${equal} ${numeric(tree.right, scope, pen)}`;
    }
    case "like":
      return `${textual(tree.left, scope, pen)} like ${textual(tree.right, scope, pen)}`;
    case "same": {
      const same = dice.pick("operator(public.===)", "===");
      return `${textual(tree.left, scope, pen)} ${same} ${textual(tree.right, scope, pen)}`;
    }
    case "and":
    case "or":
      return `(${condition(tree.left, scope, pen)} ${tree.kind} ${condition(tree.right, scope, pen)})`;
    case "not":
      return `not (${condition(tree.of, scope, pen)})`;
    case "exists":
      return `exists (${pen.query(tree.of, scope, pen)})`;
    case "in": {
      const alias = pen.fresh("i");
      return `${numeric(tree.left, scope, pen)} in (select n from (${pen.query(tree.of, scope, pen)}) as ${alias})`;
    }
  }
}
