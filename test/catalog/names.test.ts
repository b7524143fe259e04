/** A name is not a function: what a statement would run is looked up in the database itself. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import type { WireClient } from "#test/postgres/support/wire.ts";
import { ask, openWorld, recorder, type World } from "./support/world.ts";

const SETUP = `
  create table orders (id int, note varchar(20), "upper" text);
  create function public.lower(varchar) returns text language plpgsql as $$ begin return 'mine'; end $$;
  create schema app;
  create function app.length(text) returns int language sql as 'select 42';
  create function app.told(orders) returns text language sql as $$ select 'told ' || $1.note $$;
  create table app.orders (id int);
  create schema closed;
  create table closed.orders (id int);
  create function public.same(text, text) returns boolean language sql as 'select true';
  create operator app.= (leftarg = text, rightarg = text, function = public.same);
  create operator public.=@= (leftarg = text, rightarg = text, function = public.same);
  create type mood as enum ('glad', 'sad');
  create domain short as varchar(5);
  create domain checked as text check (public.same(value, value));
  create type pair as (a int, b int);
  create type loud as enum ('a');
  create function public.to_loud(int) returns loud language sql as $$ select 'a'::loud $$;
  create cast (int as loud) with function public.to_loud(int);
  create extension citext schema app;
  create role agent login password 'agent';
  grant usage on schema app to agent;
  grant select on all tables in schema public, app to agent;
  create schema agent authorization agent;`;

/** What is asked, and the calls that a rule would have to name. */
const CALLS: readonly (readonly [text: string, calls: readonly string[]])[] = [
  ["select upper(note), count(*) from orders where id = 1", []],
  ["select lower(note) from orders", ["function pg_catalog|public.lower"]],
  ["select pg_catalog.lower(note) from orders", []],
  ["select length(note) from orders", []],
  ["select app.length(note) from orders", ["function app.length"]],
  ["select note =@= 'x' from orders", ["operator public.=@="]],
  ["select 'glad'::mood", []],
  ["select 'abc'::short", []],
  ["select 'x'::checked", ["type public.checked"]],
  ["select '(1,2)'::pair", ["type public.pair"]],
  ["select 1::loud", ["type public.loud"]],
  ["select 'x'::app.citext", []],
  ["select id::text, 1::numeric from orders", []],
  ['select o."upper", o.id from orders o', []],
];

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    let client: WireClient;
    const seen = recorder();
    before(async () => {
      world = await openWorld(version, SETUP);
      client = await world.client({
        judge: seen.judge,
        user: "agent",
        server: { ...world.server, port: world.server.port, password: "agent" },
      });
    });
    after(() => world?.[Symbol.asyncDispose]());

    for (const [text, calls] of CALLS)
      test(text, async () => {
        await ask(client, text);
        assert.deepEqual(seen.last().calls, calls);
      });

    test("a function that is called as an attribute of a row is called, where the path finds it", async () => {
      await ask(client, "select o.told from orders o");
      assert.deepEqual(seen.last().calls, []);
      await ask(client, "set search_path = public, app");
      assert.equal(await ask(client, "select o.told, 1 from orders o where false"), "");
      assert.deepEqual(seen.last().calls, ["function app.told"]);
      await ask(client, "select (o).told from orders o");
      assert.deepEqual(seen.last().calls, ["function app.told"]);
      await ask(client, "reset search_path");
    });

    test("the search path decides which relation, function and operator a name means", async () => {
      await ask(client, "select id from orders");
      assert.deepEqual(seen.last().relations, ["public.orders"]);
      await ask(client, "set search_path = app, public");
      await ask(client, "select length('x'), id from orders");
      assert.deepEqual(seen.last().relations, ["app.orders"]);
      assert.deepEqual(seen.last().calls, ["function pg_catalog|app.length"]);
      await ask(client, "select id from orders where id = 1");
      assert.deepEqual(seen.last().calls, ["operator pg_catalog|app.="]);
      await ask(client, "reset search_path");
    });

    test("a schema without USAGE is passed over by the server, so both readings count", async () => {
      await ask(client, "set search_path = closed, public");
      assert.equal(await ask(client, "select count(*) from orders"), "0");
      assert.deepEqual(seen.last().relations, ["closed.orders", "public.orders"]);
      await ask(client, "reset search_path");
    });
  });
