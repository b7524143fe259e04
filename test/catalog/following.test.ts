/**
 * A session that may do everything, with nothing masked, waits for no catalog. What is put on record of it says too much sooner
 * than too little; and once its plan is another, everything is known as if it had never been otherwise.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { databaseCatalogs, type DatabaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import type { GatewayOptions, ScriptedTap } from "#test/postgres/support/gateway.ts";
import { B, E, P, Q, S, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import { EMAIL, NEVER, REFUSED, restrict, SETUP, untilLockIsWaitedFor } from "./support/following.ts";
import { ask, openWorld, recorder, told, type World } from "./support/world.ts";

/** Whose side connections are begun, and never come about. */
function silent(catalogs: DatabaseCatalogs) {
  const logIn = (signal: AbortSignal): Promise<never> => {
    made.begun += 1;
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(signal.reason as Error));
    });
  };
  const open: DatabaseCatalogs["open"] = (opening) => catalogs.open({ ...opening, logIn });
  const made = { open, begun: 0 };
  return made;
}

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    before(async () => {
      world = await openWorld(version, SETUP, NEVER);
    });
    after(() => world?.[Symbol.asyncDispose]());
    const session = async (
      options: Partial<GatewayOptions>,
    ): Promise<{ client: WireClient; tap: ScriptedTap }> => {
      const gateway = await world.gateway(options);
      const client = await wireClient(gateway.port);
      return { client, tap: gateway.tap };
    };
    test("waits for no catalog, where one that depends on it does", async () => {
      await using catalogs = databaseCatalogs({ readMs: 500 });
      const seen = recorder();
      const client = await world.client({ catalogs: silent(catalogs), passesAll: true, judge: seen.judge });
      assert.equal(await ask(client, "select lower(note) from plain"), "open");
      assert.deepEqual(seen.last().doubts, []);
      assert.equal(await ask(client, "create table app.made (id int)"), "");
      assert.equal(await ask(client, "select id from app.made"), "");
      client.send(P("select $1::int + 1"), B("", "", ["1"]), E(), S);
      assert.equal(told(await client.untilReady()), "2");
      const twin = await world.client({ catalogs: silent(catalogs), judge: seen.judge });
      await ask(twin, "select lower(note) from plain");
      assert.match(seen.last().doubts[0] ?? "", /CATALOG_UNREADABLE .*takes too long/);
      await ask(client, "drop table app.made");
    });

    test("an empty text is answered at once, and nothing is asked of the catalog for it", async () => {
      await using catalogs = databaseCatalogs();
      const never = silent(catalogs);
      const client = await world.client({ catalogs: never });
      for (const text of ["", ";", " ;\n; "]) {
        client.send(Q(text));
        const types = (await client.untilReady()).map(({ type }) => type);
        assert.deepEqual(types, ["I", "Z"]);
      }
      client.send(P("", "none"), B("", "none"), E(), S);
      assert.deepEqual(
        (await client.untilReady()).map(({ type }) => type),
        ["1", "2", "I", "Z"],
      );
      assert.equal(never.begun, 0);
      client.send(Q("select 1"));
      while (never.begun === 0) await pause(5);
    });

    test("an empty statement is one still when names mean something else", async () => {
      const judged: string[] = [];
      const client = await world.client({
        judge: ({ doubts }, text) => {
          judged.push(...doubts.map(({ code }) => `${code} ${text}`));
          return undefined;
        },
      });
      client.send(P("", "none"), S);
      await client.untilReady();
      await ask(client, "create table app.other (id int)");
      client.send(B("", "none"), E(), S);
      assert.deepEqual(
        (await client.untilReady()).map(({ type }) => type),
        ["2", "I", "Z"],
      );
      assert.deepEqual(judged, []);
      await ask(client, "drop table app.other");
    });

    test("what it has made stands on record as possibly meant, also before the catalog is read again", async () => {
      const seen = recorder();
      const { client, tap } = await session({ judge: seen.judge });
      await ask(client, "set search_path to app, public");
      await ask(client, "select lower(note) from plain");
      assert.deepEqual(seen.last(), { calls: [], relations: ["public.plain"], doubts: [] });
      tap.passesAll = true;
      await ask(client, "create table app.plain as select 1 as id, 'mine' as note");
      assert.equal(await ask(client, "select lower(note) from plain"), "mine");
      assert.deepEqual(seen.last().relations, ["app.plain", "public.plain"]);
      await ask(client, "create function public.lower(text) returns text language sql as 'select $1'");
      await ask(client, "select lower(note) from plain");
      assert.deepEqual(seen.last().calls, ["function pg_catalog|app|public.lower"]);
      await ask(client, "drop function public.lower(text); drop table app.plain");
    });

    test("what it led astray before its plan was another shows nothing afterwards", async () => {
      const { client, tap } = await session({ passesAll: true });
      await ask(client, "create or replace view swapped as select email as note from people");
      assert.equal(await ask(client, "select note || '' from swapped"), "Canary@x");
      restrict(tap);
      assert.equal(await ask(client, "select note from swapped"), "***");
      assert.match(await ask(client, "select note || '' from swapped"), REFUSED);
      assert.equal(await ask(client, "select city || '' from people"), "Riga");
      await ask(client, "create or replace view swapped as select city as note from people");
      assert.equal(await ask(client, "select note || '' from swapped"), "Riga");
    });

    test("what was prepared before, too", async () => {
      const { client, tap } = await session({ passesAll: true });
      await ask(client, "create or replace view swapped as select email as note from people");
      client.send(P("select note || '' from swapped", "kept"), P("select note from swapped", "plain"), S);
      await client.untilReady();
      restrict(tap);
      client.send(B("", "kept"), E(), S);
      assert.match(told(await client.untilReady()), REFUSED);
      client.send(B("", "plain"), E(), S);
      assert.equal(told(await client.untilReady()), "***");
      await ask(client, "create or replace view swapped as select city as note from people");
    });

    test("a result that is under way is masked by what the catalog says now, whoever had it read before", async () => {
      await using catalogs = databaseCatalogs(NEVER);
      const { client: other } = await session({ catalogs, obligations: { mask: EMAIL } });
      assert.equal(await ask(other, "select note from swapped"), "Riga");
      const { client, tap } = await session({ catalogs, passesAll: true });
      await ask(client, "create or replace view swapped as select email as note from people");
      await world.admin.query("select pg_advisory_lock(7)");
      client.send(Q("select note from swapped where pg_advisory_lock(7) is not null"));
      await untilLockIsWaitedFor(world);
      restrict(tap);
      await world.admin.query("select pg_advisory_unlock(7)");
      assert.equal(told(await client.untilReady()), "***");
      await world.admin.query("create or replace view swapped as select city as note from people");
    });

    test("in an open transaction nobody knows what code under a name of PostgreSQL's own has done", async () => {
      const { client, tap } = await session({ passesAll: true });
      await ask(
        client,
        `create function public.abs(text) returns text language plpgsql as $$ begin
        perform touch(); return $1; end $$`,
      );
      await ask(client, "begin");
      await ask(client, "select abs(note) from plain");
      restrict(tap);
      assert.match(
        await ask(client, "select note || '' from swapped"),
        /open transaction has changed the schema/,
      );
      await ask(client, "rollback");
      assert.equal(await ask(client, "select note || '' from swapped"), "Riga");
      await ask(client, "drop function public.abs(text)");
    });
  });
