/** What a session's recorder promises its runner, against a broker that stores, hangs, refuses, forgets and comes back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { textDigest } from "#core/audit/digest.ts";
import { leafHead, parseLeaf } from "#core/audit/leaf.ts";
import { type EventFields, shownEvents } from "#core/audit/requests.ts";
import type { AppendAnswer, BrokerPort, SealedEvent } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { readTrail } from "#broker/trail/read.ts";
import { type Recorder, openRecorder } from "#sidecar/uplink/recorder.ts";
import { type Sender, openSender } from "#sidecar/uplink/sender.ts";
import { WINDOW_BYTES, WINDOW_EVENTS } from "#sidecar/uplink/session-outbox.ts";
import { until } from "#test/port/until.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { PowerDisk, coded } from "./power-disk.ts";
import { asking, closing, newSession, opening, trailOn } from "./support.ts";
import { trailPort } from "./trail-port.ts";

const COMPLETE = { ended: "complete", rows: 0, bytes: 0, maskedValues: 0 } as const;

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

/** Of what is stored, each request and each result for itself. */
function shown({ events }: Store): readonly EventFields[] {
  return events.flatMap(({ leaf }) => shownEvents(parseLeaf(leaf) ?? {}));
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
  recorder.ask(asking(0));
  assert.equal(recorder.isFull, false);
  await new Promise(setImmediate);
  assert.equal(stored, false);
  door.release();
  assert.equal(await strict, undefined);
  await until(() => store.events.length === 2);
});

/** A broker whose every batch waits until it is told to store the oldest. */
function batchwise(): { readonly batches: SealedEvent[][]; readonly append: Append; storeOldest(): void } {
  const batches: SealedEvent[][] = [];
  const waiting: (() => void)[] = [];
  return {
    batches,
    append: async (batch) => {
      batches.push([...batch]);
      await new Promise<void>((resolve) => waiting.push(resolve));
      const last = new Map(batch.map(({ session, seq }) => [session, seq]));
      return [...last].map(([session, seq]) => ({ session, seq }));
    },
    storeOldest: () => waiting.shift()?.(),
  };
}

const turn = (): Promise<void> => new Promise(setImmediate);
/** Whatever follows from what is there, without any time passing. */
async function turns(): Promise<void> {
  for (let count = 0; count < 10; count += 1) await turn();
}

test("while a batch is on its way, what comes gathers into one", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { batches, append, storeOldest } = batchwise();
  const opened = open(append);
  const { recorder } = opened;
  const stored: number[] = [];
  for (let number = 0; number < 6; number += 1) {
    void recorder.askStrictly(asking(number)).then(() => stored.push(number));
    await turns();
  }
  assert.deepEqual(
    batches.map(({ length }) => length),
    [1],
  );
  storeOldest();
  await turns();
  assert.deepEqual(
    batches.map(({ length }) => length),
    [1, 5],
  );
  assert.deepEqual(stored, [0]);
  storeOldest();
  await turns();
  assert.deepEqual(stored, [0, 1, 2, 3, 4, 5]);
  await opened[Symbol.asyncDispose]();
});

test("more than two are on their way when they are full", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { batches, append, storeOldest } = batchwise();
  const sender = openSender({ port: { append }, chance: () => 0 });
  const tools = { sender, nowMs: () => Date.now(), trailWaitMs: 60_000 };
  let stored = 0;
  for (let session = 0; session < 5; session += 1) {
    const onBroken = (why: Refusal): never => assert.fail(why.code);
    const recorder = openRecorder({ session: newSession(), digestKey: new Uint8Array(32), onBroken }, tools);
    for (let number = 0; number < WINDOW_EVENTS; number += 1)
      void recorder.askStrictly(asking(number)).then(() => (stored += 1));
  }
  await turns();
  assert.deepEqual(
    batches.map(({ length }) => length),
    [256, 256, 256, 256],
  );
  for (let batch = 0; batch < 5; batch += 1) {
    storeOldest();
    await turns();
  }
  assert.equal(batches.length, 5);
  assert.equal(stored, 5 * WINDOW_EVENTS);
  await sender[Symbol.asyncDispose]();
});

test("what is waited for does not wait for what is in no hurry behind it", async (context) => {
  context.mock.timers.enable({ apis: ["setTimeout"] });
  const { batches, append, storeOldest } = batchwise();
  const opened = open(append);
  const { recorder } = opened;
  for (let number = 0; number < 5; number += 1) {
    void recorder.askStrictly(asking(number));
    await turns();
  }
  const before = batches.length;
  recorder.answer(0, COMPLETE);
  storeOldest();
  await turns();
  assert.equal(batches.length, before + 1, "it went out when there was room, and no time had to pass");
  for (let batch = 0; batch < 5; batch += 1) {
    storeOldest();
    await turns();
  }
  await opened[Symbol.asyncDispose]();
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
    if (number === 0) recorder.record(opening);
    else recorder.ask(asking(number));
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
    recorder.ask({ ...asking(number), text: Buffer.alloc(2 * 1024 * 1024, 97 + number) });
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
  assert.equal((await recorder.askStrictly(asking(0)))?.code, "TRAIL_UNAVAILABLE");
  door.release();
  await until(() => store.events.length === 3);
  assert.equal(await recorder.askStrictly(asking(1)), undefined, "and when the trail is back it goes on");
  const kinds = shown(store);
  assert.deepEqual(
    kinds.map((event) => event["kind"]),
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
  for (let number = 0; number < 2 * WINDOW_EVENTS; number++) recorder.ask(asking(number));
  for (let attempt = 0; attempt < 3; attempt++)
    assert.equal((await recorder.askStrictly(asking(1_000)))?.code, "TRAIL_UNAVAILABLE");
  const recorded = 1 + 2 * WINDOW_EVENTS;
  door.release();
  await until(() => shown(store).length === recorded);
  await until(() => !recorder.isFull);
  recorder.record(closing);
  await until(() => shown(store).length === recorded + 1);
  assert.equal(shown(store).at(-1)?.["unrecorded"], 3);
});

test("a record that is broken off refuses whoever waits, tells its session once, and takes nothing more", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder, broken } = opened;
  await recorder.recordStrictly(opening);
  store.next = async ([event]) => [{ session: event?.session ?? "", refusal: refusal("TRAIL_BROKEN") }];
  const waiting = [recorder.askStrictly(asking(0)), recorder.askStrictly(asking(1))];
  for (const answer of await Promise.all(waiting)) assert.equal(answer?.code, "TRAIL_BROKEN");
  assert.equal((await recorder.askStrictly(asking(2)))?.code, "TRAIL_BROKEN");
  recorder.ask(asking(3));
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
  await recorder.askStrictly(asking(0));
  const session = store.events[0]?.session ?? "";
  let asked = 0;
  store.next = async () => {
    asked += 1;
    if (asked === 1) return [{ session, seq: 1 }];
    store.next = undefined;
    return store.append([]).then(() => [{ session, seq: 1 }]);
  };
  recorder.ask(asking(1));
  await until(() => asked >= 2);
  assert.equal(broken.length, 0, "what is asked for is held, so it is sent again");
  store.next = async () => [{ session, seq: 0 }];
  recorder.ask(asking(2));
  await until(() => broken.length === 1);
  assert.deepEqual(broken, [refusal("TRAIL_BROKEN")]);
});

test("the digest key is taken over and wiped, and digests are those of it", async () => {
  const store = new Store();
  await using opened = open(store.append);
  const { recorder, key } = opened;
  recorder.record(opening);
  assert.ok(key.every((byte) => byte === 0));
  recorder.ask(asking(0, "select 1"));
  recorder.record(closing);
  await until(() => store.events.length === 3);
  assert.equal(
    shown(store)[1]?.["textDigest"],
    textDigest(new Uint8Array(32).fill(7), Buffer.from("select 1")),
  );
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
            const recorder = recorders[number];
            const count = recorded.get(session) ?? 0;
            recorded.set(session, count + 1);
            if (count === 0) return recorder?.recordStrictly(opening);
            // The first result comes at once, and each one after it behind the next request.
            if (index % 3 !== 0) recorder?.ask(asking(count));
            const strict = index % 3 === 0 ? recorder?.askStrictly(asking(count)) : undefined;
            recorder?.answer(count === 1 ? 1 : count - 1, { ...COMPLETE, rows: count });
            return strict;
          });
          assert.ok((await Promise.all(waits)).every((answer) => answer === undefined));
        }
        const leaves = new Map<string, number>();
        const stored: string[] = [];
        for await (const entry of readTrail({ disk, directory: "/state/trail" })) {
          if (entry.kind !== "leaf" || !recorded.has(entry.session)) continue;
          assert.equal(entry.seq, leaves.get(entry.session) ?? 0);
          assert.equal(leafHead(entry.leaf)?.seq, entry.seq);
          leaves.set(entry.session, entry.seq + 1);
          for (const { kind, request, rows } of shownEvents(parseLeaf(entry.leaf) ?? {}))
            stored.push([entry.session, kind, request, rows].join(" "));
        }
        const wanted = [...recorded].flatMap(([session, count]) => [
          `${session} session.open  `,
          ...Array.from({ length: count - 1 }, (_, at) => `${session} request ${at + 1} `),
          ...Array.from({ length: count - 1 }, (_, at) => `${session} result ${Math.max(1, at)} ${at + 1}`),
        ]);
        assert.deepEqual(stored.sort(), wanted.sort());
      },
    ),
    { numRuns: fuzzRuns(25), ...fuzzSeed() },
  );
});
