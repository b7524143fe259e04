/** Statements about test/statements/schema.sql as trees, so that one of them can be written down in several ways. */
import fc from "fast-check";

export const TABLES = {
  "public.orders": { numbers: ["id", "customer_id"], texts: ["status", "note"] },
  "public.customers": { numbers: ["id", "parent_id"], texts: ["name", "email"] },
  "public.secrets": { numbers: ["id"], texts: ["name", "value"] },
  "public.staging": { numbers: ["id"], texts: ["status"] },
  "audit.orders": { numbers: ["id"], texts: ["reason"] },
  "audit.events": { numbers: ["id"], texts: ["actor", "body"] },
  "public.secret_names": { numbers: ["id"], texts: ["name"] },
  "public.order_totals": { numbers: ["id"], texts: ["name"] },
  "public.people": { numbers: ["id"], texts: ["name"] },
  "public.measures": { numbers: ["reading"], texts: ["day"] },
} as const;
export type TableName = keyof typeof TABLES;

/** `nr` chooses among the columns in sight, so that every tree is a valid statement. */
export type Numeric =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "column"; readonly nr: number }
  | { readonly kind: "sum"; readonly left: Numeric; readonly right: Numeric }
  | { readonly kind: "length"; readonly of: Textual }
  | { readonly kind: "random" }
  | { readonly kind: "count"; readonly of: Query };

export type Textual =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "textColumn"; readonly nr: number }
  | { readonly kind: "upper"; readonly of: Textual }
  | { readonly kind: "joined"; readonly left: Textual; readonly right: Textual }
  | { readonly kind: "secretValue"; readonly id: Numeric }
  | { readonly kind: "row" | "leak"; readonly nr: number }
  | { readonly kind: "sequence" };

export type Condition =
  | { readonly kind: "true" }
  | { readonly kind: "equal"; readonly left: Numeric; readonly right: Numeric }
  | { readonly kind: "like"; readonly left: Textual; readonly right: Textual }
  | { readonly kind: "same"; readonly left: Textual; readonly right: Textual }
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "exists"; readonly of: Query }
  | { readonly kind: "in"; readonly left: Numeric; readonly of: Query };

export type Source =
  | { readonly kind: "table"; readonly table: TableName }
  | { readonly kind: "subquery" | "lateral"; readonly of: Query }
  | { readonly kind: "write"; readonly of: Write };

/** Always hands on two columns: `n` and `t`. */
export interface Query {
  readonly from: readonly Source[];
  readonly number: Numeric;
  readonly text: Textual;
  readonly where: Condition | undefined;
  readonly order: Textual | undefined;
  readonly limit: Numeric | number | undefined;
  readonly union: Query | undefined;
}

export type Write =
  | { readonly kind: "insert"; readonly of: Query }
  | { readonly kind: "update"; readonly set: Numeric; readonly where: Condition | undefined }
  | { readonly kind: "delete"; readonly where: Condition | undefined }
  | { readonly kind: "merge"; readonly of: Query };

export type Statement =
  | { readonly kind: "query"; readonly of: Query }
  | { readonly kind: "write"; readonly of: Write }
  | {
      readonly kind: "copyQuery" | "explain" | "explainAnalyze" | "declare" | "prepare" | "createTable";
      readonly of: Query;
    }
  | { readonly kind: "copyTable" | "lock" | "truncate" | "forUpdate"; readonly table: TableName };

type Trees = {
  numeric: Numeric;
  textual: Textual;
  condition: Condition;
  source: Source;
  query: Query;
  write: Write;
};

const nr = fc.nat(20);
const table = fc.constantFrom(...(Object.keys(TABLES) as TableName[]));
const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });

const kind = <const K extends string, T extends object>(
  name: K,
  fields: { [P in keyof T]: fc.Arbitrary<T[P]> },
) => fc.record({ kind: fc.constant(name), ...fields }) as unknown as fc.Arbitrary<{ kind: K } & T>;

/** The first choices are leaves, and what remains when a tree has grown deep enough. */
const choose = <T>(
  ...choices: readonly (readonly [weight: number, arbitrary: fc.Arbitrary<T>])[]
): fc.Arbitrary<T> =>
  fc.oneof(
    { withCrossShrink: true, depthIdentifier: "tree", depthSize: "xsmall", maxDepth: 3 },
    ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })),
  );

const trees = fc.letrec<Trees>((tie) => ({
  numeric: choose<Numeric>(
    [8, kind("column", { nr })],
    [2, kind("number", { value: fc.nat(9) })],
    [1, fc.constant({ kind: "random" })],
    [2, kind("sum", { left: tie("numeric"), right: tie("numeric") })],
    [2, kind("length", { of: tie("textual") })],
    [2, kind("count", { of: tie("query") })],
  ),
  textual: choose<Textual>(
    [12, kind("textColumn", { nr })],
    [4, kind("text", { value: fc.constantFrom("a", "x; drop table y", "--", "/*", "$q$ or", "") })],
    [2, kind("upper", { of: tie("textual") })],
    [2, kind("joined", { left: tie("textual"), right: tie("textual") })],
    [2, kind("secretValue", { id: tie("numeric") })],
    [2, kind("row", { nr })],
    [1, kind("leak", { nr })],
    [1, fc.constant({ kind: "sequence" })],
  ),
  condition: choose<Condition>(
    [4, kind("equal", { left: tie("numeric"), right: tie("numeric") })],
    [2, fc.constant({ kind: "true" })],
    [2, kind("like", { left: tie("textual"), right: tie("textual") })],
    [1, kind("same", { left: tie("textual"), right: tie("textual") })],
    [2, kind("and", { left: tie("condition"), right: tie("condition") })],
    [2, kind("or", { left: tie("condition"), right: tie("condition") })],
    [2, kind("not", { of: tie("condition") })],
    [2, kind("exists", { of: tie("query") })],
    [2, kind("in", { left: tie("numeric"), of: tie("query") })],
  ),
  source: choose<Source>(
    [6, kind("table", { table })],
    [2, kind("subquery", { of: tie("query") })],
    [1, kind("lateral", { of: tie("query") })],
  ),
  query: fc.record({
    from: fc.array(tie("source"), { minLength: 1, maxLength: 2 }),
    number: tie("numeric"),
    text: tie("textual"),
    where: maybe(tie("condition")),
    order: fc.option(tie("textual"), { nil: undefined, freq: 1 }),
    limit: fc.oneof(fc.constant(undefined), fc.nat(5), tie("numeric")),
    union: fc.option(tie("query"), {
      nil: undefined,
      depthIdentifier: "tree",
      depthSize: "xsmall",
      maxDepth: 1,
    }),
  }),
  write: choose<Write>(
    [1, kind("delete", { where: maybe(tie("condition")) })],
    [1, kind("update", { set: tie("numeric"), where: maybe(tie("condition")) })],
    [1, kind("insert", { of: tie("query") })],
    [1, kind("merge", { of: tie("query") })],
  ),
}));

/** A data-modifying WITH may stand at the top only, as PostgreSQL has it. */
const withWrite: fc.Arbitrary<Statement> = fc.tuple(trees.query, trees.write).map(([query, write]) => ({
  kind: "query",
  of: { ...query, union: undefined, from: [...query.from, { kind: "write", of: write }] },
}));

export const statements: fc.Arbitrary<Statement> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("query" as const), of: trees.query }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("write" as const), of: trees.write }) },
  { weight: 1, arbitrary: withWrite },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("copyQuery", "explain", "explainAnalyze", "declare", "prepare", "createTable"),
      of: trees.query,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom("copyTable", "lock", "truncate", "forUpdate"), table }),
  },
);

/** What the unqualified names among them are looked up in. */
export const searchPaths = fc.constantFrom<readonly string[]>(
  ["public"],
  ["audit", "public"],
  ["public", "audit"],
  ["app", "public"],
);

/** What a disguise is rolled with. */
export const disguises = fc.array(fc.nat(1_000), { minLength: 5, maxLength: 60 });
