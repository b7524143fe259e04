/** The limits of docs/limits.md, shown. When one of these fails, the page has to change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { decideStatement, policy } from "./world.ts";

const READERS = policy(`
allow:
  - name: read
    postgres: {statements: [read], tables: [public.customers]}
deny:
  - name: no-dumps
    postgres: {statements: [read], unfiltered: true}
mask:
  - postgres: {columns: [public.customers.email]}
`);

test("Inference: a predicate on a masked column is allowed, and its answer tells something", async () => {
  const decision = await decideStatement([READERS], "select id from customers where email like 'a%'");
  assert.equal(decision.outcome, "allow");
  assert.equal(decision.obligations.mask.length, 1);
});

test("Tautologies over columns: a filter that is true for every row counts as one", async () => {
  for (const filter of ["id > 0 or id <= 0", "length(name) >= 0"])
    assert.equal(
      (await decideStatement([READERS], `select id from customers where ${filter}`)).outcome,
      "allow",
      filter,
    );
  for (const filter of ["true", "1 = 1", "'a' = 'a'", "id = id"])
    assert.equal(
      (await decideStatement([READERS], `select id from customers where ${filter}`)).outcome,
      "deny",
      filter,
    );
});

test("Reading by writing: the number of rows that a write meets is an answer", async () => {
  const writers = policy(`
allow:
  - name: write
    postgres: {preset: writeOnly, tables: [public.customers]}
`);
  const update = "update customers set name = name where email = 'a@example.com'";
  const merge = `merge into customers c using (values ('a@example.com')) v (email) on c.email = v.email
    when matched then update set name = c.name`;
  for (const sql of [update, "delete from customers where email = 'a@example.com'", merge])
    assert.equal((await decideStatement([writers], sql)).outcome, "allow", sql);
  assert.equal((await decideStatement([writers], `${update} returning id`)).outcome, "deny");
  // Another relation than the target is read.
  const using = "delete from customers c using orders o where o.id = c.id";
  assert.equal((await decideStatement([writers], using)).outcome, "deny");
});

test("Views and installed code: a view is judged by its own name", async () => {
  const documents = [
    policy(`
allow:
  - name: read
    postgres: {statements: [read], tables: [public.customer_list]}
deny:
  - name: no-customers
    postgres: {tables: [public.customers]}
`),
  ];
  assert.equal(
    (await decideStatement(documents, "select id from customer_list where id = 1")).outcome,
    "allow",
  );
  assert.equal((await decideStatement(documents, "select id from customers where id = 1")).outcome, "deny");
});

test("Named functions: what an allow rule names may do what it likes", async () => {
  const documents = [
    policy(`
allow:
  - name: refresh
    postgres: {statements: [read], tables: [public.orders], functions: [public.refresh]}
deny:
  - name: no-customers
    postgres: {tables: [public.customers]}
`),
  ];
  assert.equal((await decideStatement(documents, "select public.refresh()")).outcome, "allow");
  assert.equal((await decideStatement(documents, "select public.other()")).outcome, "deny");
});

test("The stock catalog: the command line takes lower() for PostgreSQL's own", async () => {
  assert.equal(
    (await decideStatement([READERS], "select lower(name) from customers where id = 1")).outcome,
    "allow",
  );
  assert.equal(
    (await decideStatement([READERS], "select public.lower(name) from customers where id = 1")).outcome,
    "deny",
  );
});

test("Processor time: a harmless function may be slow", async () => {
  const decision = await decideStatement(
    [READERS],
    "select count(*) from customers where name ~ repeat('(a*)*', 50)",
  );
  assert.equal(decision.outcome, "allow");
  assert.equal((await decideStatement([READERS], "set statement_timeout = 0")).outcome, "allow");
});

const EXCEPT = (table: string): string[] => [
  policy(`
allow:
  - name: everything
    postgres: {statements: [read, ddl], tables: ["*.*"]}
deny:
  - name: not-this
    postgres: {tables: [${table}]}
`),
];

test("Parts of a relation: each is judged by its own name", async () => {
  const partition = EXCEPT("public.measures_2026");
  assert.equal((await decideStatement(partition, "select * from measures limit 1")).outcome, "allow");
  assert.equal((await decideStatement(partition, "select * from measures_2026 limit 1")).outcome, "deny");
  const orders = EXCEPT("public.orders");
  assert.equal((await decideStatement(orders, "drop index orders_pkey")).outcome, "allow");
  assert.equal((await decideStatement(orders, "create index on orders (id)")).outcome, "deny");
});

test("Patterns that take in the system: pg_stats holds values of tables that are denied", async () => {
  const documents = EXCEPT("public.customers");
  const samples = "select most_common_vals from pg_stats where tablename = 'customers'";
  assert.equal((await decideStatement(documents, samples)).outcome, "allow");
  assert.equal((await decideStatement(documents, "select id from customers limit 1")).outcome, "deny");
});

test("Names outside ASCII: only what UTF-8 databases fold is folded", async () => {
  const documents = EXCEPT("'public.\"secréts\"'");
  assert.equal((await decideStatement(documents, "select * from SECRéTS limit 1")).outcome, "deny");
  assert.equal((await decideStatement(documents, "select * from SECRÉTS limit 1")).outcome, "allow");
});
