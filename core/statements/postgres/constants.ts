/**
 * Folds what a condition says before it has seen a row. Only literals: nothing here knows a column or a parameter. What
 * is folded must be what PostgreSQL would find, because a condition that is never true lets no row out: a number that a
 * double cannot hold, or a string whose type its neighbours decide, is left alone.
 */
import { as, type Fields, type Node, qualified, stringsOf } from "./tree.ts";

export type Constant = boolean | number | string | null;
type Maybe = Constant | undefined;

/** Conditions nested deeper are not folded, which only ever makes them count as depending on something. */
const FOLD_DEPTH_MAX = 50;

/** The value of an expression of literals; undefined when it depends on anything else. */
export function constantOf(node: Node | undefined, depth = 0): Maybe {
  if (node === undefined || depth > FOLD_DEPTH_MAX) return undefined;
  const literal = as(node, "A_Const");
  if (literal !== undefined) return literalValue(literal);
  const cast = as(node, "TypeCast");
  if (cast !== undefined) return castValue(cast, depth);
  const expression = as(node, "A_Expr");
  if (expression !== undefined) return comparison(expression, depth);
  const logic = as(node, "BoolExpr");
  if (logic !== undefined) return connective(logic, depth);
  return testValue(node, depth);
}

/** A condition that lets no row through, whatever the row holds; NULL lets none through. */
export const isNeverTrue = (node: Node | undefined): boolean => {
  const value = constantOf(node);
  return value === null || asBoolean(value) === false;
};

/** The constants whose values somebody wanted to know: what came of it may depend on them. */
const readOnes = new WeakSet<Fields<"A_Const">>();

export const wasRead = (literal: Fields<"A_Const">): boolean => readOnes.has(literal);

/** Nothing else in analysis looks at the value of a number or string; a test holds the whole corpus to it. */
function literalValue(literal: Fields<"A_Const">): Maybe {
  readOnes.add(literal);
  if (literal.isnull === true) return null;
  if (literal.boolval !== undefined) return literal.boolval.boolval === true;
  if (literal.ival !== undefined) return literal.ival.ival ?? 0;
  if (literal.fval !== undefined) return exactNumber(literal.fval.fval ?? "");
  if (literal.sval !== undefined) return literal.sval.sval ?? "";
  return undefined;
}

/** Fifteen digits keep their order and their differences in a double; exponents, underscores and hex are not looked at. */
function exactNumber(text: string): number | undefined {
  const digits = /^\s*[+-]?(\d+)(?:\.(\d+))?\s*$/.exec(text);
  if (digits === null) return undefined;
  return (digits[1]?.length ?? 0) + (digits[2]?.length ?? 0) > EXACT_DIGITS_MAX ? undefined : Number(text);
}
const EXACT_DIGITS_MAX = 15;

function castValue(cast: Fields<"TypeCast">, depth: number): Maybe {
  const value = constantOf(cast.arg, depth + 1);
  if (value === null) return null;
  const { schema = "pg_catalog", name: type } = qualified(stringsOf(cast.typeName?.names));
  if (schema !== "pg_catalog") return undefined;
  if (type === "bool") return asBoolean(value);
  if (type === "text" && typeof value === "string") return value;
  const isWhole = type === "int2" || type === "int4" || type === "int8";
  if (!isWhole) return undefined;
  // Types round a half each in their own way.
  const number = typeof value === "string" ? exactNumber(value) : value;
  return typeof number === "number" && Number.isInteger(number) ? number : undefined;
}

/** PostgreSQL takes any unambiguous prefix of true, false, yes, no, on, off. */
function asBoolean(value: Maybe): boolean | undefined {
  if (typeof value === "boolean") return value;
  if (typeof value === "number") return value !== 0;
  if (typeof value !== "string") return undefined;
  const word = value.trim().toLowerCase();
  if (/^(?:t(?:r(?:u(?:e)?)?)?|y(?:e(?:s)?)?|on|1)$/.test(word)) return true;
  return /^(?:f(?:a(?:l(?:s(?:e)?)?)?)?|n(?:o)?|of(?:f)?|0)$/.test(word) ? false : undefined;
}

function comparison(expression: Fields<"A_Expr">, depth: number): Maybe {
  const left = constantOf(expression.lexpr, depth + 1);
  if (left === undefined) return undefined;
  const { schema = "pg_catalog", name: operator } = qualified(stringsOf(expression.name));
  if (schema !== "pg_catalog") return undefined;
  if (expression.kind === "AEXPR_IN") return membership(left, expression, operator, depth);
  const right = constantOf(expression.rexpr, depth + 1);
  if (right === undefined) return undefined;
  if (expression.kind === "AEXPR_DISTINCT" || expression.kind === "AEXPR_NOT_DISTINCT") {
    const same = left === null || right === null ? left === right : equal(left, right);
    return same === undefined ? undefined : same === (expression.kind === "AEXPR_NOT_DISTINCT");
  }
  if (expression.kind !== "AEXPR_OP") return undefined;
  if (left === null || right === null) return null;
  return compared(operator, left, right);
}

function membership(left: Constant, expression: Fields<"A_Expr">, operator: string, depth: number): Maybe {
  const items = as(expression.rexpr, "List")?.items ?? [];
  const values = items.map((item) => constantOf(item, depth + 1));
  if (values.includes(undefined)) return undefined;
  if (left === null) return null;
  // A string beside a number in the list is read as a number, and so is the one on the left.
  const isText = typeof left === "string";
  if (isText && values.some((value) => value !== null && typeof value !== "string")) return undefined;
  const same = values.map((value) => (value === null || value === undefined ? null : equal(left, value)));
  if (same.includes(undefined)) return undefined;
  if (same.includes(true)) return operator === "=";
  return same.includes(null) ? null : operator !== "=";
}

/** A number beside a string means that PostgreSQL reads the string as a number. */
function equal(left: Constant, right: Constant): boolean | undefined {
  if (typeof left === typeof right) return left === right;
  if (typeof left === "string" && typeof right === "number") return equal(right, left);
  if (typeof left === "number") {
    const number = typeof right === "string" ? exactNumber(right) : undefined;
    return number === undefined ? undefined : left === number;
  }
  const [a, b] = [asBoolean(left), asBoolean(right)];
  return a === undefined || b === undefined ? undefined : a === b;
}

function compared(operator: string, left: Constant, right: Constant): Maybe {
  if (operator === "=") return equal(left, right);
  if (operator === "<>") {
    const same = equal(left, right);
    return same === undefined ? undefined : !same;
  }
  // The order of strings depends on the collation.
  if (typeof left !== "number" || typeof right !== "number") return undefined;
  if (operator === "<") return left < right;
  if (operator === "<=") return left <= right;
  if (operator === ">") return left > right;
  if (operator === ">=") return left >= right;
  return undefined;
}

function connective(logic: Fields<"BoolExpr">, depth: number): Maybe {
  const values = (logic.args ?? []).map((arg) => {
    const value = constantOf(arg, depth + 1);
    return value === null ? null : asBoolean(value);
  });
  if (logic.boolop === "NOT_EXPR")
    return values[0] === null ? null : values[0] === undefined ? undefined : !values[0];
  const decisive = logic.boolop === "OR_EXPR";
  if (values.includes(decisive)) return decisive;
  if (values.includes(undefined)) return undefined;
  return values.includes(null) ? null : !decisive;
}

function testValue(node: Node, depth: number): Maybe {
  const nullness = as(node, "NullTest");
  if (nullness !== undefined) {
    const value = constantOf(nullness.arg, depth + 1);
    return value === undefined ? undefined : (value === null) === (nullness.nulltesttype === "IS_NULL");
  }
  const truth = as(node, "BooleanTest");
  if (truth !== undefined) return truthTest(truth, depth);
  const coalesce = as(node, "CoalesceExpr");
  if (coalesce !== undefined) return firstNotNull(coalesce.args ?? [], depth);
  const choice = as(node, "CaseExpr");
  return choice === undefined || choice.arg !== undefined ? undefined : caseValue(choice, depth);
}

function truthTest(test: Fields<"BooleanTest">, depth: number): Maybe {
  const folded = constantOf(test.arg, depth + 1);
  if (folded === undefined) return undefined;
  const value = folded === null ? null : asBoolean(folded);
  if (value === undefined) return undefined;
  switch (test.booltesttype) {
    case "IS_TRUE":
      return value === true;
    case "IS_NOT_TRUE":
      return value !== true;
    case "IS_FALSE":
      return value === false;
    case "IS_NOT_FALSE":
      return value !== false;
    case "IS_UNKNOWN":
      return value === null;
    case "IS_NOT_UNKNOWN":
      return value !== null;
    default:
      return undefined;
  }
}

function firstNotNull(args: readonly Node[], depth: number): Maybe {
  for (const arg of args) {
    const value = constantOf(arg, depth + 1);
    if (value !== null) return typed(value);
  }
  return null;
}

function caseValue(choice: Fields<"CaseExpr">, depth: number): Maybe {
  const arms = [...(choice.args ?? []).map((arm) => as(arm, "CaseWhen")?.result), choice.defresult];
  const values = arms.map((arm) => (arm === undefined ? null : constantOf(arm, depth + 1)));
  // Whichever arm is taken, the outcome is the same.
  return values.every((value) => value === values[0]) ? typed(values[0]) : undefined;
}

/** Beside a number or a truth value, a string would be one as well: `coalesce('t', true) = 'true'`. */
const typed = (value: Maybe): Maybe => (typeof value === "string" ? undefined : value);
