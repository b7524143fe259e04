import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { catalog, described, session } from "./support.ts";

const analyst = openAnalyst();
after(() => analyst[Symbol.asyncDispose]());

async function factsOf(sql: string, context = session()): Promise<StatementFacts> {
  const facts = (await analyst.analyse(sql, context)).statements[0];
  assert.ok(facts !== undefined);
  return facts;
}
const columnsOf = async (sql: string): Promise<string[]> =>
  (await factsOf(sql)).columns.map(({ relation, column }) => `${relation?.name ?? "?"}.${column}`).sort();

describe("positions", () => {
  it("are bytes, also behind letters of two and four", async () => {
    const sql = "select 'ü🦊', 42 from orders where note = $1 and total > 1.5; select 'x'";
    const { statements } = await analyst.analyse(sql, session());
    const bytes = Buffer.from(sql);
    const slices = statements.map(({ startByte, lengthBytes }) =>
      bytes.subarray(startByte, startByte + lengthBytes).toString(),
    );
    assert.deepEqual(
      slices.map((slice) => slice.trim()),
      sql.split("; "),
    );
    const starts = statements.flatMap(({ literalOffsetsBytes }) =>
      literalOffsetsBytes.map((at) => bytes.subarray(at, at + 3).toString()),
    );
    assert.deepEqual(starts, ["'ü", "42 ", "1.5", "'x'"]);
  });
});

describe("columns", () => {
  it("belong to the relation that their qualifier names", async () => {
    const sql =
      "select o.id, c.email from orders o join public.customers c on c.id = o.customer_id where o.id = 1";
    assert.deepEqual(await columnsOf(sql), [
      "customers.email",
      "customers.id",
      "orders.customer_id",
      "orders.id",
    ]);
  });
  it("belong to the only relation there is, or to none for certain", async () => {
    assert.deepEqual(await columnsOf("select email from customers where id = 1"), [
      "customers.email",
      "customers.id",
    ]);
    assert.deepEqual(await columnsOf("select email from customers, orders"), ["?.email"]);
    assert.deepEqual(await columnsOf("select x.email from (select 1) x"), ["?.email"]);
  });
  it("are a star for a star, a whole row and COPY", async () => {
    assert.deepEqual(await columnsOf("select * from customers c, orders o"), ["customers.*", "orders.*"]);
    assert.deepEqual(await columnsOf("select c.* from customers c, orders o"), ["customers.*"]);
    assert.deepEqual(await columnsOf("select c from customers c"), ["customers.*", "customers.c"]);
    assert.deepEqual(await columnsOf("copy customers to stdout"), ["customers.*"]);
    assert.deepEqual(await columnsOf("copy customers (email) to stdout"), ["customers.email"]);
  });
  it("are all of a relation whose row goes by another name", async () => {
    const joined = "(customers c join orders o on c.id = o.id) j";
    for (const whole of ["j", "(j).id", "row_to_json(j)", "j.row_to_json"])
      assert.deepEqual(
        (await columnsOf(`select ${whole} from ${joined}`)).filter((each) => each.endsWith(".*")),
        ["customers.*", "orders.*"],
        whole,
      );
    assert.ok(!(await columnsOf(`select j.id from ${joined}`)).includes("customers.*"));
    assert.ok((await columnsOf("select b from customers c (a, b), orders o")).includes("customers.*"));
    assert.ok((await columnsOf(`select b from ${joined} (a, b)`)).includes("customers.*"));
    assert.ok((await columnsOf("select x from customers c join orders o using (id) as x")).includes("?.id"));
    assert.deepEqual(await columnsOf("select shop.public.customers.to_json from customers"), [
      "customers.to_json",
    ]);
  });
  it("are all of the target that RETURNING calls old, new, or as it likes", async () => {
    for (const whole of ["old", "new", "row_to_json(new)"])
      assert.ok(
        (await columnsOf(`update customers set name = 'x' where id = 1 returning ${whole}`)).includes(
          "customers.*",
        ),
        whole,
      );
    const named = "delete from customers where id = 1 returning with (old as was) was";
    assert.ok((await columnsOf(named)).includes("customers.*"));
    assert.deepEqual(await columnsOf("delete from customers returning old.email"), ["customers.email"]);
  });
  it("are those that a write sets", async () => {
    assert.deepEqual(await columnsOf("update customers set email = 'x' where id = 1"), [
      "customers.email",
      "customers.id",
    ]);
    assert.deepEqual(await columnsOf("insert into customers (name) values ('x')"), ["customers.name"]);
  });
});

describe("texts that try to cost more than they should", () => {
  it("are no worse for WITH queries that each name the one before twice", async () => {
    const links = (arm: (before: string) => string): string =>
      Array.from({ length: 40 }, (_, at) => `, c${at + 1} as (${arm(`c${at}`)})`).join("");
    for (const arm of [
      (before: string) => `select * from ${before}, ${before} x`,
      (before: string) => `select * from ${before} union all select * from ${before}`,
      (before: string) => `select json_agg(${before}) from ${before} join ${before} x on true`,
    ]) {
      const sql = `with c0 as (select * from orders)${links(arm)} select * from c40`;
      assert.deepEqual((await factsOf(sql)).accesses, [
        { verb: "read", relation: { schema: "public", name: "orders" }, unfiltered: true },
      ]);
    }
  });

  it("cannot lengthen the path beyond what every name is looked up in", async () => {
    const path = (schemas: number): string =>
      `set search_path = ${Array.from({ length: schemas }, (_, at) => `s${at}`).join(", ")}; select * from orders`;
    const doubtsOf = async (sql: string): Promise<string[]> =>
      (await analyst.analyse(sql, session())).statements.flatMap(({ doubts }) =>
        doubts.map(({ code }) => code),
      );
    // The path that was there before counts too.
    assert.deepEqual(await doubtsOf(path(63)), []);
    assert.deepEqual(await doubtsOf(path(64)), ["SEARCH_PATH_CHANGED"]);
    assert.deepEqual(await doubtsOf(`set search_path = a; ${path(63)}`), ["SEARCH_PATH_CHANGED"]);
  });

  it("have a prepared statement analysed once for each state that it may run in", async () => {
    let asked = 0;
    const counting: Catalog = {
      ...catalog,
      hasRelation(schema, name) {
        if (name === "orders") asked += 1;
        return catalog.hasRelation(schema, name);
      },
    };
    const sql = `prepare p as select * from orders; ${"execute p; ".repeat(400)}`;
    const { statements } = await analyst.analyse(sql, session({ catalog: counting }));
    assert.equal(statements.length, 401);
    assert.deepEqual(statements.at(-1)?.accesses, statements[0]?.accesses);
    assert.ok(asked < 10, `the catalog was asked ${asked} times`);
  });
});

describe("a request that asks for more than anyone reads", () => {
  it("is in doubt as a whole, however short its text", async () => {
    const names = Array.from({ length: 300 }, (_, at) => `f${at}()`).join(", ");
    const text = (times: number): string => `prepare p as select ${names}; ${"execute p; ".repeat(times)}`;
    assert.equal((await analyst.analyse(text(60), session())).statements.length, 61);
    assert.equal(described(await analyst.analyse(text(490), session())), "unknown: ?TOO_LARGE");
  });
});

describe("a live catalog", () => {
  const has = (...known: readonly string[]): Catalog => ({
    ...catalog,
    assumed: false,
    hasRelation: (schema, name) =>
      catalog.hasRelation(schema, name) === true || known.includes(`${schema}.${name}`),
    functionHarm: (schema, name, path) =>
      name === "leak" && schema !== "pg_catalog" ? "unknown" : catalog.functionHarm(schema, name, path),
  });
  const searchPath = ["app", "public"];

  it("settles which relation a name is, and what may be temporary", async () => {
    const context = session({ searchPath, catalog: has("public.orders", "audit.orders") });
    assert.equal(
      described(await analyst.analyse("table orders limit 1", context)),
      "read: read public.orders",
    );
    assert.equal(
      described(await analyst.analyse("table scratch limit 1", context)),
      "read: read app.scratch, read pg_temp.scratch, read public.scratch",
    );
  });
  it("is not believed about relations once the string has changed some", async () => {
    const context = session({ searchPath, catalog: has("public.orders") });
    const sql = "alter table audit.orders set schema app; table orders limit 1";
    assert.equal(
      described(await analyst.analyse(sql, context)),
      "ddl: ddl app.orders, ddl audit.orders; read: read app.orders, read public.orders",
    );
  });
  it("shows the function behind attribute notation", async () => {
    const context = session({ catalog: has("public.orders") });
    for (const sql of ["select o.leak from orders o limit 1", "select (o).leak from orders o limit 1"]) {
      assert.equal(
        described(await analyst.analyse(sql, context)),
        "read: fn public.leak, read public.orders",
      );
    }
    assert.equal(
      described(await analyst.analyse("select o.total from orders o limit 1", context)),
      "read: read public.orders",
    );
  });
});

describe("what a statement leaves behind", () => {
  it("is named when it prepares or declares something", async () => {
    assert.deepEqual((await factsOf("prepare p as select 1")).defines, { kind: "prepared", name: "p" });
    assert.deepEqual((await factsOf("declare c cursor for select 1")).defines, { kind: "cursor", name: "c" });
    assert.equal((await factsOf("select 1")).defines, undefined);
  });
  it("may be another search path", async () => {
    const moves = [
      "set search_path = a",
      "reset all",
      "discard all",
      "rollback",
      "rollback to a",
      "select leak()",
      "select set_config('search_path', 'a', false)",
      "do 'x'",
    ];
    for (const sql of moves) assert.equal((await factsOf(sql)).movesSearchPath, true, sql);
    for (const sql of ["select 1", "begin", "set application_name = 'x'", "table orders"]) {
      assert.equal((await factsOf(sql)).movesSearchPath, undefined, sql);
    }
  });
  it("carries over through EXECUTE", async () => {
    const facts = await factsOf("select set_config('search_path', 'a', false)");
    const context = session({ prepared: () => facts });
    assert.equal(
      described(await analyst.analyse("execute p; table orders limit 1", context)),
      "read: session; read: ?SEARCH_PATH_CHANGED, read public.orders",
    );
  });
});
