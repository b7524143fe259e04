/** PostgreSQL's raw parse tree as libpg-query writes it, and how to move in it without knowing every field. */
import type { Node, RawStmt } from "@pgsql/types";

export type { Node };
export interface ParseTree {
  readonly stmts?: readonly RawStmt[];
}

type TagOf<N> = N extends unknown ? keyof N : never;
export type NodeTag = TagOf<Node>;
type FieldsIn<N, T extends PropertyKey> = N extends Record<T, infer F> ? F : never;
export type Fields<T extends NodeTag> = FieldsIn<Node, T>;

/**
 * A field whose type is one node kind is written without its tag: `TypeCast.typeName` holds the TypeName's fields.
 * By field name; where two parents disagree, by parent. `test/statements/tree.test.ts` compares this with the grammar's
 * types, so that a new release of the parser cannot slip one past the walker.
 */
export const UNTAGGED_FIELDS: Readonly<Record<string, NodeTag | Readonly<Record<string, NodeTag>>>> = {
  action: "GrantStmt",
  alias: "Alias",
  arg: { JsonObjectAgg: "JsonKeyValue", JsonArrayAgg: "JsonValueExpr" },
  argType: "TypeName",
  authrole: "RoleSpec",
  base: "CreateStmt",
  boolval: "Boolean",
  bound: "PartitionBoundSpec",
  bsval: "BitString",
  collClause: "CollateClause",
  constrrel: "RangeVar",
  constructor: "JsonAggConstructor" as const,
  context_item: "JsonValueExpr",
  cycle_clause: "CTECycleClause",
  datatype: "TypeName",
  expr: { JsonParseExpr: "JsonValueExpr", JsonSerializeExpr: "JsonValueExpr" },
  extname: "String",
  format: "JsonFormat",
  fromsql: "ObjectWithArgs",
  func: "ObjectWithArgs",
  funccall: "FuncCall",
  fval: "Float",
  grantor: "RoleSpec",
  identitySequence: "RangeVar",
  infer: "InferClause",
  into: "IntoClause",
  intoClause: "IntoClause",
  ival: "Integer",
  join_using_alias: "Alias",
  larg: { SelectStmt: "SelectStmt" },
  name: { CreateOpClassItem: "ObjectWithArgs", PartitionCmd: "RangeVar" },
  newowner: "RoleSpec",
  newrole: "RoleSpec",
  ofTypename: "TypeName",
  onConflictClause: "OnConflictClause",
  on_empty: "JsonBehavior",
  on_error: "JsonBehavior",
  opername: "ObjectWithArgs",
  output: "JsonOutput",
  over: "WindowDef",
  owner: "RoleSpec",
  partbound: "PartitionBoundSpec",
  partspec: "PartitionSpec",
  pathspec: { JsonTable: "JsonTablePathSpec", JsonTableColumn: "JsonTablePathSpec" },
  pktable: "RangeVar",
  pubtable: "PublicationTable",
  rarg: { SelectStmt: "SelectStmt" },
  rel: "RangeVar",
  relation: "RangeVar",
  returnType: "TypeName",
  returning: "JsonReturning",
  returningClause: "ReturningClause",
  role: "RoleSpec",
  search_clause: "CTESearchClause",
  sequence: "RangeVar",
  setstmt: "VariableSetStmt",
  sourcetype: "TypeName",
  storedtype: "TypeName",
  sval: "String",
  table: "RangeVar",
  targettype: "TypeName",
  tosql: "ObjectWithArgs",
  typeName: "TypeName",
  type_name: "TypeName",
  typevar: "RangeVar",
  user: "RoleSpec",
  val: { JsonArgument: "JsonValueExpr", PLAssignStmt: "SelectStmt" },
  value: { JsonKeyValue: "JsonValueExpr" },
  view: "RangeVar",
  withClause: "WithClause",
};

export function untaggedField(parent: NodeTag, field: string): NodeTag | undefined {
  const row = Object.hasOwn(UNTAGGED_FIELDS, field) ? UNTAGGED_FIELDS[field] : undefined;
  return typeof row === "object" ? row[parent] : row;
}

/** The tag of a wrapped node; undefined for one written without a tag, and for the empty object that stands for NULL. */
export function tagOf(value: object): string | undefined {
  let only: string | undefined;
  for (const key in value) {
    if (only !== undefined) return undefined;
    only = key;
  }
  // Tags start with a capital letter, fields never do.
  return only !== undefined && only.charCodeAt(0) >= 65 && only.charCodeAt(0) <= 90 ? only : undefined;
}

/** The fields of `node` when it is of kind `tag`. */
export function as<T extends NodeTag>(node: Node | undefined, tag: T): Fields<T> | undefined {
  if (node === undefined) return undefined;
  const fields = (node as Readonly<Record<string, unknown>>)[tag];
  return fields === undefined ? undefined : (fields as Fields<T>);
}

/** The names of a dotted name: the strings of a list. Anything else in the list, as a star, is left out. */
export function stringsOf(list: readonly Node[] | undefined): string[] {
  const strings: string[] = [];
  for (const item of list ?? []) {
    const text = as(item, "String");
    if (text !== undefined) strings.push(text.sval ?? "");
  }
  return strings;
}

/** Splits a dotted name in schema and name. A third part in front is the database, which can only be the current one. */
export function qualified(parts: readonly string[]): {
  readonly schema: string | undefined;
  readonly name: string;
} {
  return { schema: parts.at(-2), name: parts.at(-1) ?? "" };
}
