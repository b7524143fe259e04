import assert from "node:assert/strict";
import { test } from "node:test";
import { liveCatalog } from "#core/statements/postgres/live.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { openWorld, readCatalog } from "./world.ts";

const catalog = liveCatalog(stockCatalog(18), {
  relations: [{ schema: "public", name: "orders" }],
  functions: [
    { schema: "public", name: "lower" },
    { schema: "pg_catalog", name: "upper" },
    { schema: "a.b", name: "c" },
  ],
  operators: [{ schema: "public", name: "=" }],
  types: [
    { schema: "public", name: "mood", harm: "harmless" },
    { schema: "public", name: "text", harm: "unknown" },
  ],
});

test("a function of a user spoils the stock name where the path finds both, and nowhere else", () => {
  assert.equal(catalog.functionHarm(undefined, "lower", ["public"]), "unknown");
  assert.equal(catalog.functionHarm(undefined, "lower", ["app"]), "harmless");
  assert.equal(catalog.functionHarm("pg_catalog", "lower", ["public"]), "harmless");
  assert.equal(catalog.functionHarm("public", "lower", []), "unknown");
  assert.equal(catalog.functionHarm("app", "lower", ["public"]), "absent");
});

test("what somebody added to pg_catalog is theirs", () => {
  assert.equal(catalog.functionHarm(undefined, "upper", []), "unknown");
  assert.equal(catalog.functionHarm("pg_catalog", "upper", []), "unknown");
});

test("operators and types likewise", () => {
  assert.equal(catalog.operatorHarm(undefined, "=", ["public"]), "unknown");
  assert.equal(catalog.operatorHarm("pg_catalog", "=", ["public"]), "harmless");
  assert.equal(catalog.typeHarm(undefined, "mood", ["public"]), "harmless");
  assert.equal(catalog.typeHarm(undefined, "mood", ["app"]), "absent");
  assert.equal(catalog.typeHarm(undefined, "text", ["public"]), "unknown");
  assert.equal(catalog.typeHarm(undefined, "text", ["app"]), "harmless");
});

test("it knows every relation there is, and names with dots keep apart", () => {
  assert.equal(catalog.assumed, false);
  assert.equal(catalog.hasRelation("public", "orders"), true);
  assert.equal(catalog.hasRelation("public", "customers"), false);
  assert.equal(catalog.functionHarm("a.b", "c", []), "unknown");
  assert.equal(catalog.functionHarm("a", "b.c", []), "absent");
});

test("an enum is harmless until a cast of it runs somebody's function", {
  skip: skipWithoutPostgres(18),
}, async () => {
  await using world = await openWorld(18);
  assert.equal(world.catalog.typeHarm(undefined, "mood", ["public"]), "harmless");
  await world.observer.query(`
    create function public.told(mood) returns text language sql as 'select value from public.secrets limit 1';
    create cast (public.mood as text) with function public.told(mood)`);
  const later = await readCatalog(world.observer, 18);
  assert.equal(later.typeHarm(undefined, "mood", ["public"]), "unknown");
});
