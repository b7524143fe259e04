import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { RelationName } from "#core/statements/postgres/facts.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { contradictions } from "./contradictions.ts";
import { digest, observe } from "./observe.ts";
import { openWorld, type World } from "./world.ts";

const skip = skipWithoutPostgres(18);
let world: World | undefined;
before(async () => {
  if (skip === false) world = await openWorld(18);
});
after(async () => world?.[Symbol.asyncDispose]());

const named = (text: string): RelationName => {
  const [schema = "", name = ""] = text.split(".");
  return { schema, name };
};

async function complaints(sql: string, claimed: string): Promise<readonly string[]> {
  assert.ok(world !== undefined);
  const relations = claimed
    .split(" ")
    .filter((word) => word !== "")
    .map(named);
  const seen = await observe(world, sql, ["public"]);
  assert.notEqual(seen.how, "failed", seen.error);
  return contradictions({ relations }, seen, world.graph);
}

/** Each claim as it should be, and the same with a defect that the oracle must see. */
const PLANTED: readonly { sql: string; whole: string; lacking: string; complaint: RegExp }[] = [
  {
    sql: "select * from orders o join customers c on c.id = o.customer_id",
    whole: "public.orders public.customers",
    lacking: "public.orders",
    complaint: /opened public\.customers/,
  },
  {
    sql: "select (select count(*) from secrets) from orders",
    whole: "public.orders public.secrets",
    lacking: "public.orders",
    complaint: /opened public\.secrets/,
  },
  {
    sql: "select * from order_totals",
    whole: "public.order_totals",
    lacking: "",
    complaint: /opened public\.order_totals/,
  },
  {
    sql: "select * from measures",
    whole: "public.measures",
    lacking: "public.measures_2026",
    complaint: /opened public\.measures/,
  },
  {
    sql: "select * from people",
    whole: "public.people",
    lacking: "public.staff",
    complaint: /opened public\.people/,
  },
  {
    // Fails when it runs, and is caught all the same by its plan.
    sql: "select 1 / (id - id) from secrets",
    whole: "public.secrets",
    lacking: "",
    complaint: /opened public\.secrets/,
  },
  {
    sql: "table pg_catalog.pg_class",
    whole: "pg_catalog.pg_class",
    lacking: "",
    complaint: /opened pg_catalog\.pg_class/,
  },
  {
    sql: "copy secrets to stdout",
    whole: "public.secrets",
    lacking: "",
    complaint: /opened public\.secrets/,
  },
];

for (const { sql, whole, lacking, complaint } of PLANTED) {
  test(`a claim that lacks a relation is caught: ${sql}`, { skip }, async () => {
    assert.deepEqual(await complaints(sql, whole), []);
    assert.match((await complaints(sql, lacking)).join("\n"), complaint);
  });
}

for (const [sql, claimed, complaint] of [
  ["insert into staging values (1)", "public.staging", /a transaction id/],
  ["select * from orders for update", "public.orders", /took RowShareLock on public\.orders/],
  ["select nextval('order_numbers')", "", /order_numbers/],
  ["select public.touch_customer(1)", "public.customers", /a transaction id/],
  ["select public.leak()", "", /opened public\.secrets/],
  ["select pg_advisory_xact_lock(1)", "", /a lock of type advisory/],
  ["lock table orders in share mode", "public.orders", /took ShareLock on public\.orders/],
  ["select lower(name::varchar) from customers", "public.customers", /opened public\.secrets/],
  ["select o.leak from orders o", "public.orders", /opened public\.secrets/],
  ["select note === 'x' from orders", "public.orders", /opened public\.secrets/],
] as const) {
  test(`what does more than read is caught: ${sql}`, { skip }, async () => {
    assert.match((await complaints(sql, claimed)).join("\n"), complaint);
  });
}

test("what a rollback does not undo shows in the digest", { skip }, async () => {
  assert.ok(world !== undefined);
  const first = await digest(world);
  assert.equal(await digest(world), first);
  await world.agent.query("begin; select nextval('public.order_numbers'); rollback");
  assert.notEqual(await digest(world), first);
});
