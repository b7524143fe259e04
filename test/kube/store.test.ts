import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { KubeError } from "#operator/kube/error.ts";
import { startReflector, withoutManagedFields } from "#operator/kube/reflector.ts";
import type { KubeObject, Resource } from "#operator/kube/resource.ts";
import { type Change, openStore, type Store } from "#operator/kube/store.ts";
import type { WatchBatch, WatchEvent, WatchOptions } from "#operator/kube/watch.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { keptLog } from "./support/log.ts";
import { manualClock } from "./support/manual-clock.ts";
import { type Item, ModelServer, valuesOf } from "./support/model-server.ts";

const ITEMS: Resource<Item> = {
  group: "test",
  version: "v1",
  plural: "items",
  kind: "Item",
  namespaced: false,
};

function fail(error: unknown): never {
  throw error;
}

function itemStore(onError: (error: unknown) => void = fail): Store<Item> {
  return openStore<Item>({
    name: "items",
    indexes: { parity: ({ value }) => [value % 2 === 0 ? "even" : "odd"], all: () => ["one", "two"] },
    onError,
  });
}

function item(name: string, value: number, uid = "u", version = String(value)): Item {
  return { apiVersion: "v1", kind: "Item", metadata: { name, uid, resourceVersion: version }, value };
}

function told(store: Store<Item>): string[] {
  const changes: string[] = [];
  store.onChange(({ key, old, now }) => changes.push(`${key} ${old?.value ?? "-"}→${now?.value ?? "-"}`));
  return changes;
}

test("what a list repeats is no change; what was made anew under its name is two", () => {
  const store = itemStore();
  const changes = told(store);
  store.set(item("a", 1));
  store.set(item("a", 1));
  store.set(item("a", 2));
  store.set(item("a", 3, "other"));
  store.remove("b");
  assert.deepEqual(changes, ["a -→1", "a 1→2", "a 2→-", "a -→3"]);
});

test("a listener that throws is told to its owner, and keeps nobody from hearing", () => {
  const errors: unknown[] = [];
  const store = itemStore((error) => errors.push(error));
  const before = told(store);
  store.onChange(() => {
    throw new Error("broken listener");
  });
  const after = told(store);
  store.set(item("a", 1));
  store.set(item("a", 2));
  assert.deepEqual(
    [before, after],
    [
      ["a -→1", "a 1→2"],
      ["a -→1", "a 1→2"],
    ],
  );
  assert.equal(errors.length, 2);
});

test("a store has synced when its first list is whole, also an empty one; waiting for it can be given up", async () => {
  const store = itemStore();
  const stop = new AbortController();
  const waiting = store.synced(stop.signal);
  stop.abort(new Error("given up"));
  await assert.rejects(waiting, /given up/);
  store.retain(new Set());
  await store.synced(new AbortController().signal);
  assert.ok(store.hasSynced);
});

test("an index that was not asked for at the beginning is a mistake, not an empty answer", () => {
  assert.throws(() => itemStore().by("colour", "red"), /no index "colour"/);
});

test("managed fields are not kept, and an object without them is not copied", () => {
  const metadata = { name: "a", managedFields: [{ manager: "kubectl" }] };
  const object: KubeObject = { apiVersion: "v1", kind: "Item", metadata };
  assert.deepEqual(withoutManagedFields(object).metadata, { name: "a" });
  const plain = item("a", 1);
  assert.equal(withoutManagedFields(plain), plain);
});

async function afterStalls(
  watches: readonly (readonly WatchEvent<Item>[])[],
): Promise<{ readonly values: Record<string, number>; readonly asked: readonly (string | undefined)[] }> {
  const clock = manualClock();
  const stop = new AbortController();
  const store = itemStore();
  const asked: (string | undefined)[] = [];
  const left = [...watches];
  const reflector = startReflector({
    kube: {
      pages: () => assert.fail("it lists"),
      async *watch<T extends KubeObject>(_: unknown, { resourceVersion }: WatchOptions) {
        asked.push(resourceVersion);
        yield (left.shift() ?? []) as WatchBatch<never> as WatchBatch<T>;
        throw new KubeError({ status: 0, reason: "Stalled", message: "nothing arrived" });
      },
    },
    resource: ITEMS,
    store,
    clock,
    random: () => 0.5,
    log: keptLog().log,
    signal: stop.signal,
  });
  for (let attempt = 1; attempt < watches.length; attempt += 1) await clock.advance(3_000);
  stop.abort();
  await reflector.ended;
  return { values: valuesOf(store.list()), asked: asked.slice(0, watches.length) };
}

const listEnd = (resourceVersion: string): WatchEvent<Item> => ({
  type: "BOOKMARK",
  resourceVersion,
  complete: true,
});

test("an API server that was set back to an older state says nothing to a watch from the future: then it is read anew", async () => {
  const { values, asked } = await afterStalls([
    [{ type: "ADDED", object: item("a", 1, "u", "100") }, listEnd("100")],
    [],
    [{ type: "ADDED", object: item("b", 2, "v", "50") }, listEnd("50")],
  ]);
  assert.deepEqual(asked, [undefined, "100", undefined]);
  assert.deepEqual(values, { b: 2 });
});

test("a watch that spoke before it fell silent goes on from what it said", async () => {
  const { values, asked } = await afterStalls([
    [{ type: "ADDED", object: item("a", 1, "u", "100") }, listEnd("100")],
    [{ type: "MODIFIED", object: item("a", 2, "u", "101") }],
    [{ type: "MODIFIED", object: item("a", 3, "u", "102") }],
  ]);
  assert.deepEqual(asked, [undefined, "100", "101"]);
  assert.deepEqual(values, { a: 3 });
});

type Step =
  | { readonly do: "put"; readonly name: string; readonly value: number }
  | { readonly do: "delete" | "anew" | "delete-unseen"; readonly name: string }
  | {
      readonly do:
        | "forget-as-status"
        | "forget-as-event"
        | "break-clean"
        | "break-error"
        | "hold-lists"
        | "release-lists";
    }
  | { readonly do: "refuse" | "break-after"; readonly count: number }
  | { readonly do: "advance"; readonly ms: number };

const NAME = fc.constantFrom("a", "b", "c", "d", "e");
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("put" as const), name: NAME, value: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("delete" as const, "anew" as const, "delete-unseen" as const),
      name: NAME,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom(
        "forget-as-status" as const,
        "forget-as-event" as const,
        "break-clean" as const,
        "break-error" as const,
        "hold-lists" as const,
        "release-lists" as const,
      ),
    }),
  },
  fc.record({
    do: fc.constantFrom("refuse" as const, "break-after" as const),
    count: fc.integer({ min: 1, max: 6 }),
  }),
  fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 3_000 }) }),
);

/** What there is before the first list, which may break. */
const START = fc.record({
  puts: fc.array(fc.tuple(NAME, fc.nat(9)), { maxLength: 8 }),
  canWatchLists: fc.boolean(),
  breakAfter: fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined }),
});

function perform(server: ModelServer, step: Exclude<Step, { do: "advance" }>): void {
  switch (step.do) {
    case "put":
      return server.put(step.name, step.value);
    case "delete":
      return server.delete(step.name);
    case "anew":
      server.delete(step.name);
      return server.put(step.name, 7);
    case "delete-unseen":
      server.break("error");
      server.delete(step.name);
      return server.forget();
    case "hold-lists":
    case "release-lists":
      return server.hold(step.do === "hold-lists");
    case "forget-as-status":
    case "forget-as-event":
      server.goneAs = step.do === "forget-as-status" ? "status" : "event";
      server.break("error");
      return server.forget();
    case "break-clean":
    case "break-error":
      return server.break(step.do === "break-clean" ? "clean" : "error");
    case "refuse":
      server.refusals = step.count;
      return server.break("error");
    case "break-after":
      server.breakAfter = step.count;
  }
}

/** Follows the changes alone, and finds fault with any that does not fit what was before. */
function shadowOf(store: Store<Item>): Map<string, Item> {
  const shadow = new Map<string, Item>();
  store.onChange(({ key, old, now }: Change<Item>) => {
    assert.equal(shadow.get(key), old);
    if (now === undefined) shadow.delete(key);
    else shadow.set(key, now);
  });
  return shadow;
}

test("whatever happens to watches, lists and memory of the server: the store comes to equal the truth, by changes that fit", async () => {
  await fc.assert(
    fc.asyncProperty(START, fc.array(STEP, { maxLength: 40 }), async (start, steps) => {
      const server = new ModelServer();
      server.canWatchLists = start.canWatchLists;
      server.breakAfter = start.breakAfter;
      for (const [name, value] of start.puts) server.put(name, value);
      const clock = manualClock();
      const stop = new AbortController();
      const store = itemStore();
      const shadow = shadowOf(store);
      const reflector = startReflector({
        kube: server,
        resource: ITEMS,
        store,
        clock,
        random: () => 0.5,
        log: keptLog().log,
        signal: stop.signal,
      });
      for (const step of steps) {
        if (step.do === "advance") await clock.advance(step.ms);
        else perform(server, step);
        await turn();
      }
      server.hold(false);
      // Each refusal costs a pause of three seconds at most.
      for (let round = 0; round < 20; round += 1) await clock.advance(5_000);
      const truth = valuesOf(server.objects.values());
      assert.deepEqual(valuesOf(store.list()), truth);
      assert.deepEqual(valuesOf(shadow.values()), truth);
      assert.ok(store.hasSynced && reflector.isConnected);
      const odd = Object.entries(truth).flatMap(([name, value]) => (value % 2 === 1 ? [name] : []));
      assert.deepEqual(
        store
          .by("parity", "odd")
          .map(({ metadata }) => metadata.name)
          .toSorted(),
        odd.toSorted(),
      );
      assert.equal(store.by("all", "two").length, store.size);
      stop.abort();
      await reflector.ended;
    }),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
});
