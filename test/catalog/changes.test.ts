/** What is known of a database follows what is done to it: by the session itself at once, by others within its time. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { B, C, D, E, P, Q, S, type WireClient } from "#test/postgres/support/wire.ts";
import { ask, mask, openWorld, recorder, told, type World } from "./support/world.ts";

const SETUP = `
  create schema app;
  create table people (id int, email text, mail text, city text);
  insert into people values (1, 'Canary@x', 'Canary-2', 'Riga');
  create table plain (id int, note text);
  insert into plain values (7, 'open');
  create function touch() returns int language plpgsql as $$ begin
    execute 'create or replace view made as select email as note from people'; return 1; end $$;
  create function look() returns int language sql immutable as 'select 1';`;

const REFUSED = /^42501 .*could show a masked column/;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    let client: WireClient;
    const seen = recorder();
    before(async () => {
      world = await openWorld(version, SETUP, { freshMs: 600_000, staleMs: 600_000 });
      client = await world.client({
        judge: seen.judge,
        obligations: { mask: [mask("public.people.email")] },
      });
    });
    after(() => world?.[Symbol.asyncDispose]());

    test("a function of the session's own making is unknown from the next text on", async () => {
      await ask(client, "select lower(note) from plain");
      assert.deepEqual(seen.last().calls, []);
      await ask(client, "create function public.lower(text) returns text language sql as 'select $1'");
      await ask(client, "select lower(note) from plain");
      assert.deepEqual(seen.last().calls, ["function pg_catalog|public.lower"]);
      await ask(client, "drop function public.lower(text)");
      await ask(client, "select lower(note) from plain");
      assert.deepEqual(seen.last().calls, []);
    });

    test("a view that was just made masks what it is made from, and is asked for only once", async () => {
      await ask(client, "create view fresh as select email as note, id from people");
      assert.equal(await ask(client, "select * from fresh"), "***,1");
      assert.match(await ask(client, "select note || '' from fresh"), REFUSED);
      await ask(client, "create or replace view fresh as select city as note, id from people");
      assert.equal(await ask(client, "select note || '' from fresh"), "Riga");
      await ask(client, "drop view fresh");
    });

    test("what was found after one change of a transaction does not hold after the next", async () => {
      await ask(client, "create view seen as select city as note from people");
      await ask(client, "begin");
      await ask(client, "create table other (a int)");
      const text = "select note || '' from seen";
      assert.equal(await ask(client, text), "Riga");
      await ask(client, "create or replace view seen as select email as note from people");
      assert.match(await ask(client, text), REFUSED);
      await ask(client, "rollback");
      assert.equal(await ask(client, text), "Riga");
      await ask(client, "drop view seen");
    });

    test("inside the transaction that changes the schema nothing passes that it could have led elsewhere", async () => {
      await ask(client, "begin");
      await ask(client, "create view hidden as select email as note from people");
      assert.match(await ask(client, "select note from hidden"), /open transaction has changed the schema/);
      await ask(client, "rollback");
      await ask(client, "begin");
      await ask(client, "alter table plain add column more text");
      assert.equal(await ask(client, "select id from plain"), "7");
      assert.match(
        await ask(client, "select upper(note) from plain"),
        /open transaction has changed the schema/,
      );
      // The refusal was an error like any other, and the transaction is lost.
      await ask(client, "commit");
      await ask(client, "begin");
      await ask(client, "alter table plain add column more text");
      await ask(client, "commit");
      assert.equal(await ask(client, "select upper(note), more from plain"), "OPEN,NULL");
    });

    test("a table that is attached to another shows its rows there, in the open transaction and after it", async () => {
      await ask(client, "create table above (id int, email text, mail text, city text)");
      assert.equal(await ask(client, "select count(*) from above"), "0");
      await ask(client, "begin");
      await ask(client, "alter table people inherit above");
      assert.match(await ask(client, "select email from above"), REFUSED);
      await ask(client, "rollback");
      await ask(client, "alter table people inherit above");
      assert.equal(await ask(client, "select email from above"), "***");
      await ask(client, "alter table people no inherit above");
      await ask(client, "drop table above");
    });

    test("a renamed column is masked by the name that it has", async () => {
      await ask(client, "alter table people rename column email to former");
      await ask(client, "alter table people rename column mail to email");
      assert.equal(await ask(client, "select former, email from people"), "Canary@x,***");
      await ask(client, "alter table people rename column email to mail");
      await ask(client, "alter table people rename column former to email");
      assert.equal(await ask(client, "select email, mail from people"), "***,Canary-2");
    });

    test("a table that took the name of another is the one that is masked", async () => {
      await ask(client, "alter table people rename to former");
      await ask(client, "create table people (id int, email text)");
      await ask(client, "insert into people values (2, 'Canary-3')");
      assert.equal(await ask(client, "select email from people"), "***");
      await ask(client, "drop table people");
      await ask(client, "alter table former rename to people");
      assert.equal(await ask(client, "select email from people"), "***");
    });

    test("code that could change the schema is followed by another look", async () => {
      assert.equal(await ask(client, "select look() from plain"), "1");
      assert.match(await ask(client, "select touch() from plain"), /public.touch could read a masked column/);
      await ask(client, "do $$ begin perform touch(); end $$");
      assert.match(await ask(client, "select note || '' from made"), REFUSED);
      assert.equal(await ask(client, "select note from made"), "***");
    });

    test("a prepared statement is judged anew when its names mean something else", async () => {
      const run = async (): Promise<string> => {
        client.send(B("", "kept"), D("P"), E(), S);
        return told(await client.untilReady());
      };
      client.send(P("select note from later", "kept"), S);
      assert.match(told(await client.untilReady()), /^42P01/);
      await ask(client, "create view later as select note from plain");
      client.send(P("select upper(note) from later", "kept"), S);
      await client.untilReady();
      assert.equal(await run(), "OPEN");
      await ask(client, "create or replace view later as select email as note from people");
      assert.match(await run(), REFUSED);
      client.send(C("S", "kept"), Q("drop view later"));
      await client.untilReady();
    });

    test("what another session changes is known when the catalog has aged", async () => {
      await using other = await openAged(version);
      const { world: aged, client: agent } = other;
      assert.equal(await ask(agent, "select note || '' from v"), "Riga");
      await aged.admin.query("create or replace view v as select email as note from people");
      await pause(200);
      assert.match(await ask(agent, "select note || '' from v"), REFUSED);
    });

    test("what another session makes is looked up before its first row leaves", async () => {
      await world.admin.query("create table brand_new as select * from people");
      assert.equal(await ask(client, "select email from brand_new"), "Canary@x");
      await world.admin.query("create view brand_new_view as select email from people");
      assert.equal(await ask(client, "select email from brand_new_view"), "***");
      await world.admin.query("alter table brand_new inherit people");
      await world.admin.query("alter table brand_new add column tail text default 'x'");
      assert.equal(await ask(client, "select email, tail from brand_new"), "***,x");
      await world.admin.query("drop view brand_new_view; drop table brand_new");
    });
  });

async function openAged(version: 15 | 18) {
  const world = await openWorld(version, `${SETUP} create view v as select city as note from people;`, {
    freshMs: 50,
    staleMs: 100,
    agePerCost: 0,
  });
  const client = await world.client({ obligations: { mask: [mask("public.people.email")] } });
  return { world, client, [Symbol.asyncDispose]: () => world[Symbol.asyncDispose]() };
}
