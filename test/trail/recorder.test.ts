/** What a session's recorder promises its runner, against a broker that stores, hangs, refuses, forgets and comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { leafHead, parseLeaf } from "#core/audit/leaf.ts";
import type { AppendAnswer, BrokerPort, SealedEvent } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { readTrail } from "#broker/trail/read.ts";
import { type Recorder, openRecorder } from "#sidecar/uplink/recorder.ts";
import { type Sender, openSender } from "#sidecar/uplink/sender.ts";
import { WINDOW_BYTES, WINDOW_EVENTS } from "#sidecar/uplink/session-outbox.ts";
import { until } from "#test/port/until.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { PowerDisk, coded } from "./power-disk.ts";
import { closing, newSession, opening, request, trailOn } from "./support.ts";
import { trailPort } from "./trail-port.ts";

type Append = (batch: readonly SealedEvent[]) => Promise<readonly AppendAnswer[] | Refusal>;

/** Stores in memory, unless told otherwise. */
class Store {
  readonly events: SealedEvent[] = [];
  held: Promise<void> | undefined;
  next: Append | undefined;

  append = async (batch: readonly SealedEvent[]): Promise<readonly AppendAnswer[] | Refusal> => {
    if (this.next !== undefined) return this.next(batch);
    await this.held;
    this.events.push(...batch.filter(({ seq }) => seq === this.events.length));
    return [{ session: batch[0]?.session ?? "", seq: this.events.length - 1 }];
  };
}

interface Opened extends AsyncDisposable {
  readonly recorder: Recorder;
  readonly broken: Refusal[];
  readonly key: Uint8Array;
}

function open(append: Append, trailWaitMs = 60_000): Opened {
  const port = { ...trailPort(undefined as never), append } satisfies BrokerPort;
  const sender: Sender = openSender({ port, chance: () => 0 });
  const broken: Refusal[] = [];
  const key = new Uint8Array(32).fill(7);
  const recorder = openRecorder(
    { session: newSession(), digestKey: key, onBroken: (why) => broken.push(why) },
    { sender, nowMs: () => Date.now(), trailWaitMs },
  );
  return { recorder, broken, key, [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose]() };
}

function gate(): { readonly held: Promise<void>; release(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { held: promise, release: () => resolve() };
}

test("what is strict waits until it is stored; what is not does not", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder } = opened;
  const door = gate();
  store.held = door.held;
  let stored = false;
  const strict = recorder.recordStrictly(opening).then((answer) => {
    stored = true;
    return answer;
  });
  recorder.record(request(0));
  assert.equal(recorder.isFull, false);
  await new Promise(setImmediate);
  assert.equal(stored, false);
  door.release();
  assert.equal(await strict, undefined);
  await until(() => store.events.length === 2);
});

test("a full window says so, and tells when there is room", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder } = opened;
  const door = gate();
  store.held = door.held;
  let room = 0;
  recorder.onRoom(() => (room += 1));
  for (let number = 0; number < WINDOW_EVENTS; number++) {
    assert.equal(recorder.isFull, false, `after ${number}`);
    recorder.record(number === 0 ? opening : request(number));
  }
  assert.equal(recorder.isFull, true);
  const waiting = recorder.room();
  door.release();
  await waiting;
  assert.equal(recorder.isFull, false);
  assert.equal(room, 1);
});

test("bytes fill the window too, and a text's beginning is what is kept of it", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder } = opened;
  const door = gate();
  store.held = door.held;
  recorder.record(opening);
  for (let number = 0; number < 4; number++)
    recorder.record(request(number), Buffer.alloc(2 * 1024 * 1024, 97));
  assert.equal(recorder.isFull, true);
  door.release();
  await until(() => store.events.length === 5);
  assert.ok(store.events.slice(1).every(({ payload }) => payload?.length === WINDOW_BYTES / 4));
});

test("a strict event that is not stored in time is refused, and so is the next; the session stays open", async () => {
  const store = new Store();
  await using opened = open(store.append, 40);
  const { recorder, broken } = opened;
  const door = gate();
  store.held = door.held;
  assert.equal((await recorder.recordStrictly(opening))?.code, "TRAIL_UNAVAILABLE");
  assert.equal((await recorder.recordStrictly(request(0)))?.code, "TRAIL_UNAVAILABLE");
  door.release();
  await until(() => store.events.length === 3);
  assert.equal(await recorder.recordStrictly(request(1)), undefined, "and when the trail is back it goes on");
  const kinds = store.events.map(({ leaf }) => parseLeaf(leaf));
  assert.deepEqual(
    kinds.map((event) => event?.["kind"]),
    ["session.open", "request", "result", "request"],
  );
  assert.equal(kinds[2]?.["ended"], "refused", "the request stands there as allowed and not forwarded");
  assert.deepEqual(broken, []);
});

test("what there is no room to record is refused and counted", async () => {
  const store = new Store();
  await using opened = open(store.append, 1);
  const { recorder } = opened;
  const door = gate();
  store.held = door.held;
  recorder.record(opening);
  for (let number = 0; number < 2 * WINDOW_EVENTS; number++) recorder.record(request(number));
  for (let attempt = 0; attempt < 3; attempt++)
    assert.equal((await recorder.recordStrictly(request(1_000)))?.code, "TRAIL_UNAVAILABLE");
  const sealed = 1 + 2 * WINDOW_EVENTS;
  door.release();
  await until(() => store.events.length === sealed);
  await until(() => !recorder.isFull);
  recorder.record(closing);
  await until(() => store.events.length === sealed + 1);
  assert.equal(parseLeaf(store.events.at(-1)?.leaf ?? new Uint8Array())?.["unrecorded"], 3);
});

test("a record that is broken off refuses whoever waits, tells its session once, and takes nothing more", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder, broken } = opened;
  await recorder.recordStrictly(opening);
  store.next = async ([event]) => [{ session: event?.session ?? "", refusal: refusal("TRAIL_BROKEN") }];
  const waiting = [recorder.recordStrictly(request(0)), recorder.recordStrictly(request(1))];
  for (const answer of await Promise.all(waiting)) assert.equal(answer?.code, "TRAIL_BROKEN");
  assert.equal((await recorder.recordStrictly(request(2)))?.code, "TRAIL_BROKEN");
  recorder.record(request(3));
  await recorder.room();
  assert.deepEqual(
    broken.map(({ code }) => code),
    ["TRAIL_BROKEN"],
  );
});

test("a trail that has lost what it acknowledged breaks the session off: the twin only lacks what is held", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder, broken } = opened;
  await recorder.recordStrictly(opening);
  await recorder.recordStrictly(request(0));
  const session = store.events[0]?.session ?? "";
  let asked = 0;
  store.next = async () => {
    asked += 1;
    if (asked === 1) return [{ session, seq: 1 }];
    store.next = undefined;
    return store.append([]).then(() => [{ session, seq: 1 }]);
  };
  recorder.record(request(1));
  await until(() => asked >= 2);
  assert.equal(broken.length, 0, "what is asked for is held, so it is sent again");
  store.next = async () => [{ session, seq: 0 }];
  recorder.record(request(2));
  await until(() => broken.length === 1);
  assert.deepEqual(broken, [refusal("TRAIL_BROKEN")]);
});

test("the digest key is wiped with the end of the record", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder, key } = opened;
  recorder.record(opening);
  assert.match(recorder.digest(Buffer.from("select 1")), /^[0-9a-f]{64}$/);
  recorder.record(closing);
  assert.ok(key.every((byte) => byte === 0));
});

test("with a disk that fails at random, every event is stored once, in order, in the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.constantFrom("write", "sync", "create", "syncDirectory"), fc.nat(4)), {
        maxLength: 8,
      }),
      fc.array(fc.nat(3), { minLength: 1, maxLength: 40 }),
      async (faults, order) => {
        const disk = new PowerDisk();
        await using trail = await trailOn(disk, "/state", { segmentBytesMax: 2_048 });
        let left = faults[0]?.[1] ?? 0;
        disk.faults = {
          before: (operation) => {
            const [fault] = faults;
            if (fault === undefined || fault[0] !== operation || left-- > 0) return;
            faults.shift();
            left = faults[0]?.[1] ?? 0;
            throw coded("EIO");
          },
        };
        const recorded = new Map<string, number>();
        {
          await using sender = openSender({ port: trailPort(trail), chance: () => 0 });
          const sessions = [0, 1, 2, 3].map(() => newSession());
          const recorders = sessions.map((session) =>
            openRecorder(
              { session, digestKey: new Uint8Array(32), onBroken: (why) => assert.fail(why.code) },
              { sender, nowMs: () => Date.now(), trailWaitMs: 60_000 },
            ),
          );
          const waits = order.map((number, index) => {
            const session = sessions[number] ?? "";
            const seq = recorded.get(session) ?? 0;
            recorded.set(session, seq + 1);
            const body = seq === 0 ? opening : request(seq);
            if (index % 3 === 0) return recorders[number]?.recordStrictly(body, Buffer.from("select 1"));
            recorders[number]?.record(body);
            return undefined;
          });
          assert.ok((await Promise.all(waits)).every((answer) => answer === undefined));
        }
        const stored = new Map<string, number>();
        for await (const entry of readTrail({ disk, directory: "/state/trail" })) {
          if (entry.kind !== "leaf" || !recorded.has(entry.session)) continue;
          assert.equal(entry.seq, stored.get(entry.session) ?? 0);
          assert.equal(leafHead(entry.leaf)?.seq, entry.seq);
          stored.set(entry.session, entry.seq + 1);
        }
        assert.deepEqual(stored, recorded);
      },
    ),
    { numRuns: fuzzRuns(25), ...fuzzSeed() },
  );
});
