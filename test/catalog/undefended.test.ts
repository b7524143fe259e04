/**
 * What a session may have done while nothing depended on the catalog (docs/decisions/0047), against what stops it: each attack is
 * stopped, and works where the one defence that is named is taken out.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import * as catalogsModule from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import type { DatabaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import type { Planted } from "#test/fuzz/defects/defects.ts";
import { plantedWith } from "#test/fuzz/defects/plant.ts";
import type { ScriptedTap } from "#test/postgres/support/gateway.ts";
import { Q, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { EMAIL, NEVER, restrict, SETUP, untilLockIsWaitedFor } from "./support/following.ts";
import { ask, type Judged, openWorld, recorder, told, type World } from "./support/world.ts";

interface Stage {
  readonly world: World;
  /** Of the session that may do everything. */
  readonly client: WireClient;
  readonly tap: ScriptedTap;
  /** What was last put on record of it. */
  recorded(): Judged;
}

interface Attack {
  readonly defence: Omit<Planted, "name">;
  /** What the attacker comes to. */
  play(stage: Stage): Promise<string>;
  readonly stopped: RegExp;
  readonly works: RegExp;
}

const ROOM = "sidecar/protocols/postgres/catalog";
/** Somebody's code under a name of PostgreSQL's own; it came after the catalog was read. */
const TOUCHING = `create function public.abs(text) returns text language plpgsql as $$ begin
  perform touch(); return $1; end $$`;
const LEAD_ASTRAY = "create or replace view swapped as select email as note from people";
const LEAD_BACK = "create or replace view swapped as select city as note from people";

const ATTACKS: Readonly<Record<string, Attack>> = {
  "code that nobody knew leads a view to a masked column before there is a mask": {
    defence: {
      file: `${ROOM}/session-catalog.ts`,
      find: 'this.#owed = "anything";\n    this.#atLeast = this.#shared.nextReading;',
      become: "",
    },
    async play({ world, client, tap }) {
      await world.admin.query(TOUCHING);
      await ask(client, "select abs(note) from plain");
      restrict(tap);
      return ask(client, "select note from swapped");
    },
    stopped: /^\*\*\*$/,
    works: /^Canary@x$/,
  },
  "it does so in a transaction that is still open": {
    defence: {
      file: `${ROOM}/session-catalog.ts`,
      find: 'if (isInTransaction) this.unsettled = "anything";',
      become: "",
    },
    async play({ world, client, tap }) {
      await world.admin.query(TOUCHING);
      await ask(client, "begin");
      await ask(client, "select abs(note) from plain");
      restrict(tap);
      const heard = await ask(client, "select note || '' from swapped");
      await ask(client, "rollback");
      return heard;
    },
    stopped: /^42501 .*open transaction has changed the schema/,
    works: /^Canary@x$/,
  },
  "a result is under way when there comes to be a mask": {
    defence: {
      file: `${ROOM}/resolver.ts`,
      find: "if (isBehind) return UNREAD;",
      become: "",
    },
    async play({ world, client, tap }) {
      await ask(client, LEAD_ASTRAY);
      await world.admin.query("select pg_advisory_lock(7)");
      client.send(Q("select note from swapped where pg_advisory_lock(7) is not null"));
      await untilLockIsWaitedFor(world);
      restrict(tap);
      await world.admin.query("select pg_advisory_unlock(7)");
      return told(await client.untilReady());
    },
    stopped: /^\*\*\*$/,
    works: /^Canary@x$/,
  },
  "a table of its own stands before the one that goes on record": {
    defence: {
      file: `${ROOM}/session-catalog.ts`,
      find: "this.#isFollowing ? this.#followed() : this.#exact()",
      become: "this.#exact()",
    },
    async play({ client, recorded }) {
      await ask(client, "set search_path to app, public");
      await ask(client, "create table app.plain as select 1 as id, 'mine' as note");
      assert.equal(await ask(client, "select note from plain"), "mine");
      await ask(client, "drop table app.plain");
      await ask(client, "create table app.plain as select 1 as id, 'mine' as note");
      await ask(client, "select note from plain");
      const { relations } = recorded();
      await ask(client, "drop table app.plain");
      return relations.join(" ");
    },
    stopped: /^app\.plain public\.plain$/,
    works: /^public\.plain$/,
  },
  "a function of its own counts as PostgreSQL's harmless one, which runs ahead of its record": {
    defence: {
      file: `${ROOM}/session-catalog.ts`,
      find: "this.#isFollowing ? this.#followed() : this.#exact()",
      become: "this.#exact()",
    },
    async play({ client, recorded }) {
      await ask(client, "create function public.lower(text) returns text language sql as 'select $1'");
      await ask(client, "select lower(note) from plain");
      return `calls ${recorded().calls.join(" ")}`;
    },
    stopped: /^calls function pg_catalog\|postgres\|public\.lower$/,
    works: /^calls $/,
  },
};

type Catalogs = typeof catalogsModule;

describe("what is done while nothing depends on the catalog", { skip: skipWithoutPostgres(18) }, () => {
  let world: World;
  before(async () => {
    world = await openWorld(18, SETUP, NEVER);
  });
  after(() => world?.[Symbol.asyncDispose]());

  /** Another session, which has masks, has had the catalog read before. */
  async function played({ play }: Attack, catalogs: DatabaseCatalogs): Promise<string> {
    await world.admin.query(`${LEAD_BACK}; drop function if exists public.abs(text), public.lower(text)`);
    const other = await world.client({ catalogs, obligations: { mask: EMAIL } });
    assert.equal(await ask(other, "select note from swapped"), "Riga");
    const seen = recorder();
    const gateway = await world.gateway({ catalogs, passesAll: true, judge: seen.judge });
    const client = await wireClient(gateway.port);
    try {
      assert.equal(await ask(client, "select lower(note) from plain"), "open");
      return await play({ world, client, tap: gateway.tap, recorded: () => seen.last() });
    } finally {
      client.close();
    }
  }

  for (const [what, attack] of Object.entries(ATTACKS)) {
    test(`${what}: it is stopped`, async () => {
      await using catalogs = catalogsModule.databaseCatalogs(NEVER);
      assert.match(await played(attack, catalogs), attack.stopped);
    });

    test(`${what}: it works without what stops it`, async () => {
      const edit = { ...attack.defence, name: `undefended-${Object.keys(ATTACKS).indexOf(what)}` };
      const { databaseCatalogs } = (await import(plantedWith(`${ROOM}/catalogs.ts`, edit))) as Catalogs;
      await using catalogs = databaseCatalogs(NEVER);
      assert.match(await played(attack, catalogs), attack.works);
    });
  }
});
