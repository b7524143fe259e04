/** Reads that wait for their record where the Connection says so, and run ahead of it where it does not. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect } from "#tools/postgres/client.ts";
import { connected, refusedWith, rows } from "./support/clients.ts";
import { Door, diskBehind } from "./support/door.ts";
import { type Rig, startRig, until } from "./support/in-process.ts";
import { connection } from "./support/kinds.ts";

const real = { skip: skipWithoutPostgres(18) };
const DURABLE_FIRST = { trail: { reads: "durableFirst" } };

const isSeven = ([row]: readonly Record<string, unknown>[]): boolean => row?.["id"] === 7;

interface DoorRig extends Rig {
  readonly door: Door;
  /** Whether the upstream was asked what has this word in it. */
  hasHeard(word: string): Promise<boolean>;
  /** Puts the Connection into force anew. */
  edit(more: object): Promise<void>;
}

async function rigWithDoor(context: TestContext, more: object, trailWaitMs: number): Promise<DoorRig> {
  const door = new Door();
  context.after(() => door.open());
  const rig = await startRig(context, { disk: diskBehind(door), trailWaitMs, connection: more });
  return Object.assign(rig, {
    door,
    hasHeard: async (word: string): Promise<boolean> => {
      await using root = await connect(rig.upstream);
      const found = await root.query(
        `select 1 from pg_stat_activity where usename = 'orders_agent' and query like '%${word}%'`,
      );
      return found.length > 0;
    },
    edit: (changed: object) =>
      rig.applied(() =>
        rig.write("connection.yaml", connection(rig.upstream.port, rig.passwordFile, changed)),
      ),
  });
}

/** So many results are on disk, so that nothing of them comes to the door any more. */
async function recorded(rig: Rig, results: number): Promise<void> {
  await until(async () => (await rig.events()).filter(({ kind }) => kind === "result").length === results);
}

test("a read that is durable first is not forwarded before it is on disk", real, async (context) => {
  const rig = await rigWithDoor(context, DURABLE_FIRST, 60_000);
  const client = await connected(rig);
  await rows(client, "select 1");
  await recorded(rig, 1);
  rig.door.shut();
  let isAnswered = false;
  const answer = rows(client, "select id as held_back from orders where id = 7").finally(() => {
    isAnswered = true;
  });
  await until(() => rig.door.waiting > 0);
  assert.equal(await rig.hasHeard("held_back"), false);
  assert.equal(isAnswered, false);
  rig.door.open();
  assert.deepEqual(await answer, [{ held_back: 7 }]);
  assert.equal(
    await rig.hasHeard("held_back"),
    true,
    "what shows that it was not forwarded can show that it was",
  );
  await client.end();
});

test("a read that may run ahead does not wait for the disk", real, async (context) => {
  const rig = await rigWithDoor(context, {}, 60_000);
  const client = await connected(rig);
  rig.door.shut();
  assert.deepEqual(await rows(client, "select id from orders where id = 7"), [{ id: 7 }]);
  rig.door.open();
  await client.end();
});

test("a read whose record is not durable in time is refused, and never forwarded", real, async (context) => {
  const rig = await rigWithDoor(context, DURABLE_FIRST, 2_000);
  const client = await connected(rig);
  rig.door.shut();
  await refusedWith(rows(client, "select id as too_late from orders where id = 7"), "TRAIL_UNAVAILABLE");
  assert.equal(await rig.hasHeard("too_late"), false);
  rig.door.open();
  await until(() => rows(client, "select id from orders where id = 7").then(isSeven, () => false));
  await client.end();
});

test("an edit of the Connection holds for the next read of a session that is open", real, async (context) => {
  const rig = await rigWithDoor(context, {}, 60_000);
  const client = await connected(rig);
  const ask = (): Promise<unknown> => rows(client, "select id as edited from orders where id = 7");
  await ask();
  await rig.edit(DURABLE_FIRST);
  await rows(client, "select 1");
  await recorded(rig, 2);
  rig.door.shut();
  const held = ask();
  await until(() => rig.door.waiting > 0);
  assert.equal(await rig.hasHeard("as edited"), false);
  rig.door.open();
  assert.deepEqual(await held, [{ edited: 7 }]);
  await rig.edit({ trail: { reads: "runAhead" } });
  rig.door.shut();
  assert.deepEqual(await ask(), [{ edited: 7 }]);
  rig.door.open();
  await client.end();
});
