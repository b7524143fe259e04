import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type Reconciler, runController, type Trigger, trigger } from "#operator/kube/controller.ts";
import { KubeError } from "#operator/kube/error.ts";
import type { KubeObject } from "#operator/kube/resource.ts";
import { openStore } from "#operator/kube/store.ts";
import { keptLog } from "./support/log.ts";
import { manualClock } from "./support/manual-clock.ts";

interface Running {
  readonly clock: ReturnType<typeof manualClock>;
  readonly enqueue: (key: string) => void;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  readonly logLines: readonly string[];
}

async function run(reconciler: Reconciler<string, string>, workers = 1): Promise<Running> {
  const clock = manualClock();
  const stop = new AbortController();
  const { log, lines } = keptLog();
  let enqueue: (key: string) => void = () => assert.fail("nothing has subscribed");
  const by: Trigger = {
    synced: async () => undefined,
    all: () => ["standing"],
    subscribe: (add) => {
      enqueue = add;
      return () => undefined;
    },
  };
  const ended = runController({
    reconciler,
    triggers: [by],
    workers,
    clock,
    random: () => 0.5,
    log,
    signal: stop.signal,
  });
  await turn();
  return { clock, enqueue: (key) => enqueue(key), stop, ended, logLines: lines };
}

function noting(
  more: Partial<Reconciler<string, string>> = {},
): Reconciler<string, string> & { readonly observed: string[] } {
  const observed: string[] = [];
  return {
    name: "test",
    observed,
    observe: async (key) => {
      observed.push(key);
      return key;
    },
    plan: () => ({ actions: [] }),
    apply: async () => undefined,
    ...more,
  };
}

test("it looks at everything there is, at what changes, again when a plan asks for it, and at everything once in ten minutes", async () => {
  const reconciler = noting({
    plan: (world) => (world === "later" ? { actions: [], againAfterMs: 5_000 } : { actions: [] }),
  });
  const { clock, enqueue, stop, ended } = await run(reconciler);
  assert.deepEqual(reconciler.observed, ["standing"]);
  enqueue("later");
  await clock.advance(4_999);
  assert.deepEqual(reconciler.observed, ["standing", "later"]);
  await clock.advance(1);
  assert.deepEqual(reconciler.observed, ["standing", "later", "later"]);
  reconciler.observed.length = 0;
  await clock.advance(10 * 60_000 - 5_000);
  assert.ok(reconciler.observed.includes("standing"));
  stop.abort();
  await ended;
});

test("one key has one worker at a time, whatever the number of workers; others do not wait for it", async () => {
  const gate = Promise.withResolvers<void>();
  let atOnce = 0;
  let most = 0;
  const done: string[] = [];
  const reconciler = noting({
    observe: async (key) => {
      if (key === "slow") {
        atOnce += 1;
        most = Math.max(most, atOnce);
        await gate.promise;
        atOnce -= 1;
      }
      done.push(key);
      return undefined;
    },
  });
  const { enqueue, stop, ended } = await run(reconciler, 3);
  enqueue("slow");
  await turn();
  enqueue("slow");
  enqueue("quick");
  await turn();
  assert.deepEqual(done, ["standing", "quick"]);
  gate.resolve();
  await turn();
  assert.deepEqual(done, ["standing", "quick", "slow", "slow"]);
  assert.equal(most, 1);
  stop.abort();
  await ended;
});

test("what fails is tried again after growing pauses; that somebody was quicker is no warning", async () => {
  const errors = [
    new Error("broken"),
    new KubeError({ status: 409, reason: "Conflict", message: "newer" }),
    new Error("broken again"),
  ];
  const reconciler = noting({
    plan: () => ({ actions: ["act"] }),
    apply: async () => {
      const error = errors.shift();
      if (error !== undefined) throw error;
    },
  });
  const { clock, stop, ended, logLines } = await run(reconciler);
  await clock.advance(5);
  await clock.advance(10);
  await clock.advance(20);
  assert.equal(reconciler.observed.length, 4);
  const pauses = logLines.map((line) => JSON.parse(line) as { level: string; retryMs: number });
  assert.deepEqual(
    pauses.map(({ level, retryMs }) => [level, retryMs]),
    [
      ["warn", 5],
      ["debug", 10],
      ["warn", 20],
    ],
  );
  stop.abort();
  await ended;
});

test("when it is stopped, what is being done is ended by its signal, what is in line is not begun, and it resolves after both", async () => {
  const acted: string[] = [];
  const reconciler = noting({
    plan: (world) => ({ actions: [`${world} 1`, `${world} 2`] }),
    apply: async (action, signal) => {
      acted.push(action);
      if (action === "standing 1")
        await new Promise<void>((resolve) =>
          signal.addEventListener("abort", () => resolve(), { once: true }),
        );
    },
  });
  const { enqueue, stop, ended } = await run(reconciler);
  enqueue("waiting");
  stop.abort();
  await ended;
  assert.deepEqual(acted, ["standing 1"]);
  assert.deepEqual(reconciler.observed, ["standing"]);
});

test("a trigger names what an object was and what it has become, and waits until the store is whole", async () => {
  interface Owned extends KubeObject {
    readonly owner: string;
  }
  const store = openStore<Owned>({ name: "owned", onError: (error) => assert.fail(String(error)) });
  const object = (owner: string, resourceVersion: string): Owned => ({
    apiVersion: "v1",
    kind: "Owned",
    metadata: { name: "a", uid: "u", resourceVersion },
    owner,
  });
  const owners = trigger(store, ({ owner }) => [owner]);
  const named: string[] = [];
  owners.subscribe((key) => named.push(key));
  store.set(object("one", "1"));
  store.set(object("two", "2"));
  store.remove("a");
  assert.deepEqual(named, ["one", "one", "two", "two"]);
  await assert.rejects(owners.synced(AbortSignal.abort(new Error("not whole"))), /not whole/);
});
