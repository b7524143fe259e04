/** Function calls and type names, as the text writes them. */
import { called, doubtUnknownPath, isOnlyStock } from "./names.ts";
import { currentSettingCalled } from "./readable-settings.ts";
import { setConfigCalled } from "./settings.ts";
import { namedOperator } from "./operators.ts";
import { as, qualified, stringsOf } from "./tree.ts";
import type { Visitor } from "./work.ts";

export const visitFuncCall: Visitor<"FuncCall"> = (work, call, scope) => {
  const { schema, name } = qualified(stringsOf(call.funcname));
  const isStock = schema === undefined || schema === "pg_catalog";
  if (isStock && name === "set_config") setConfigCalled(work, call.args ?? [], schema);
  else if (isStock && name === "current_setting") currentSettingCalled(work, call, schema);
  // What DISCARD ALL does too: pools let go of the locks that a session still has.
  else if (name === "pg_advisory_unlock_all" && isStock && isOnlyStock(work, schema, name))
    work.facts.deed("session");
  else called(work, "function", schema, name);
  if (isStock && name === "pg_notify") work.facts.deed("notify");
  work.visit(call.agg_filter, { ...scope, condition: true });
  work.children("FuncCall", call, scope, ["agg_filter"]);
};

/** `name` in quotes reaches the same type as the keyword, so the spelling does not matter here. */
export const visitTypeName: Visitor<"TypeName"> = (work, type, scope) => {
  const { schema, name } = qualified(stringsOf(type.names));
  if (name !== "" && type.pct_type !== true) called(work, "type", schema, name);
  else if (name !== "" && schema === undefined) doubtUnknownPath(work, "a type");
  work.children("TypeName", type, scope);
};

/** Not types but shorthands of CREATE and ALTER TABLE, looked at there before any type of that name. */
const SERIALS: ReadonlySet<string> = new Set([
  "serial",
  "serial2",
  "serial4",
  "serial8",
  "smallserial",
  "bigserial",
]);

export const visitColumnDef: Visitor<"ColumnDef"> = (work, column, scope) => {
  const parts = stringsOf(column.typeName?.names);
  const isSerial = scope.bare === "ddl" && parts.length === 1 && SERIALS.has(parts[0] ?? "");
  work.children("ColumnDef", column, scope, isSerial ? ["typeName"] : []);
};

/** EXCLUDE … WITH names an operator by its strings alone. */
export const visitConstraint: Visitor<"Constraint"> = (work, constraint, scope) => {
  for (const exclusion of constraint.exclusions ?? []) {
    const operator = as(exclusion, "List")?.items?.at(-1);
    namedOperator(work, stringsOf(as(operator, "List")?.items));
  }
  work.children("Constraint", constraint, scope);
};
