/** What cannot be read is unknown, and the refusal says why; the session goes on. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { ask, mask, openWorld, recorder, type World } from "./support/world.ts";

const SETUP = `
  create table people (id int, email text);
  insert into people values (1, 'Canary@x');
  create role agent login password 'agent';
  create role lonely login password 'lonely' connection limit 1;
  grant select on people to agent, lonely;`;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    before(async () => {
      world = await openWorld(version, SETUP, { retryMs: 20 });
    });
    after(() => world?.[Symbol.asyncDispose]());
    const as = (user: string) => ({ user, server: { port: world.server.port, password: user } });

    test("a role that may not read function bodies knows functions all the same", async () => {
      const seen = recorder();
      await world.admin.query(`revoke select on pg_catalog.pg_proc from public;
        grant select (oid, proname, pronamespace, prolang, provolatile, prosecdef, proconfig) on pg_catalog.pg_proc to public`);
      const client = await world.client({ ...as("agent"), judge: seen.judge });
      assert.equal(await ask(client, "select lower(email) from people where id = 1"), "canary@x");
      assert.deepEqual(seen.last(), { calls: [], relations: ["public.people"], doubts: [] });
      await world.admin.query("grant select on pg_catalog.pg_proc to public");
    });

    test("a role that may not read functions at all has relations and masks, and every call in doubt", async () => {
      await world.admin.query("revoke select on pg_catalog.pg_proc from public");
      const seen = recorder();
      const masked = { obligations: { mask: [mask("public.people.email")] } };
      const client = await world.client({ ...as("agent"), ...masked, judge: seen.judge });
      assert.equal(await ask(client, "select email from people"), "***");
      assert.deepEqual(seen.last().doubts, []);
      await ask(client, "select id from people where id = 1");
      assert.match(seen.last().doubts.join(), /CATALOG_UNREADABLE .*operator =.*may not read pg_proc/);
      assert.match(await ask(client, "select upper(email) from people"), /could show a masked column/);
      await world.admin.query("grant select on pg_catalog.pg_proc to public");
    });

    test("a role with one connection works without a catalog, and is told; with two it works", async () => {
      const seen = recorder();
      const masked = { obligations: { mask: [mask("public.people.email")] } };
      const client = await world.client({ ...as("lonely"), ...masked, judge: seen.judge });
      assert.equal(await ask(client, "select 1"), "1");
      assert.match(await ask(client, "select email from people"), /cannot read the database's catalog now/);
      await ask(client, "select lower('x')");
      assert.match(
        seen.last().doubts.join(),
        /CATALOG_UNREADABLE .*lower.*takes no more connections now \(53300\)/,
      );
      await ask(client, "begin");
      await ask(client, "rollback");
      await world.admin.query("alter role lonely connection limit 2");
      while ((await ask(client, "select email from people")) !== "***") await pause(10);
      await ask(client, "select lower('x')");
      assert.deepEqual(seen.last().doubts, []);
    });
  });
