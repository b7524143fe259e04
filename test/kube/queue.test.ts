import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { openWorkQueue, type WorkQueue } from "#operator/kube/queue.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { manualClock } from "./support/manual-clock.ts";

/** Closes the queue and takes what it still hands out. */
async function drained(queue: WorkQueue): Promise<string[]> {
  queue.close();
  const handed: string[] = [];
  for (let key = await queue.take(); key !== undefined; key = await queue.take()) {
    handed.push(key);
    queue.done(key);
  }
  return handed;
}

test("a key that is added again before it is taken is handed out once, in the order of coming", async () => {
  const queue = openWorkQueue();
  for (const key of ["b", "a", "b", "c", "a"]) queue.add(key);
  assert.deepEqual(await drained(queue), ["b", "a", "c"]);
});

test("a key that is added while it is worked on is handed out once more, and only when it was given back", async () => {
  const queue = openWorkQueue();
  queue.add("a");
  assert.equal(await queue.take(), "a");
  queue.add("a");
  queue.add("a");
  let second: string | undefined;
  const next = queue.take().then((key) => (second = key));
  await turn();
  assert.equal(second, undefined, "two workers had one key");
  queue.done("a");
  await next;
  assert.equal(second, "a");
  queue.done("a");
  assert.equal(queue.size, 0);
});

test("pauses double with each failure up to their maximum, and begin anew after a success", async () => {
  const clock = manualClock();
  const queue = openWorkQueue({ clock, firstPauseMs: 5, pauseMsMax: 60 });
  const pauses = async (): Promise<number[]> => {
    const seen: number[] = [];
    for (let failure = 0; failure < 6; failure += 1) {
      seen.push(queue.retry("a"));
      await clock.advance(seen.at(-1) ?? 0);
      assert.equal(await queue.take(), "a");
      queue.done("a");
    }
    return seen;
  };
  assert.deepEqual(await pauses(), [5, 10, 20, 40, 60, 60]);
  queue.forget("a");
  assert.deepEqual((await pauses()).slice(0, 2), [5, 10]);
});

test("of two times that were asked for, the sooner counts; what is added now is not waited for", async () => {
  const clock = manualClock();
  const queue = openWorkQueue({ clock });
  queue.addAfter("a", 1_000);
  queue.addAfter("a", 100);
  queue.addAfter("a", 500);
  queue.addAfter("b", 1_000);
  queue.add("b");
  assert.equal(await queue.take(), "b");
  queue.done("b");
  const next = queue.take();
  await clock.advance(99);
  assert.equal(queue.size, 1);
  await clock.advance(1);
  assert.equal(await next, "a");
  queue.done("a");
  await clock.advance(2_000);
  assert.equal(queue.size, 0, "a later time was kept");
});

test("closing hands out what is in line, drops what waits for its time, takes nothing new and lets all workers go", async () => {
  const queue = openWorkQueue();
  queue.add("a");
  queue.addAfter("b", 1_000);
  queue.close();
  queue.add("c");
  assert.equal(await queue.take(), "a");
  queue.done("a");
  assert.deepEqual(await Promise.all([queue.take(), queue.take()]), [undefined, undefined]);
  assert.equal(queue.size, 0);
});

type Step =
  | { readonly do: "add" | "retry" | "forget"; readonly key: string }
  | { readonly do: "later"; readonly key: string; readonly ms: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "give-back" };

const KEY = fc.constantFrom("a", "b", "c", "d");
const STEP: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom("add" as const, "retry" as const, "forget" as const), key: KEY }),
  fc.record({ do: fc.constant("later" as const), key: KEY, ms: fc.integer({ min: 0, max: 300 }) }),
  fc.record({ do: fc.constant("advance" as const), ms: fc.integer({ min: 1, max: 200 }) }),
  fc.constant({ do: "give-back" as const }),
);

test("whatever is asked of it: no key has two workers, and none that was asked for is forgotten", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(STEP, { maxLength: 60 }),
      fc.integer({ min: 1, max: 3 }),
      async (steps, workers) => {
        const clock = manualClock();
        const queue = openWorkQueue({ clock, firstPauseMs: 10, pauseMsMax: 100 });
        const working = new Set<string>();
        /** Asked for, and not handed out since. */
        const owed = new Set<string>();
        let idle = 0;
        const takeOne = (): void => {
          idle += 1;
          void queue.take().then((key) => {
            idle -= 1;
            if (key === undefined) return;
            assert.ok(!working.has(key), `${key} has two workers`);
            assert.ok(owed.delete(key), `${key} was handed out though nobody asked`);
            working.add(key);
          });
        };
        const giveBack = (): void => {
          const [key] = working;
          if (key === undefined) return;
          working.delete(key);
          queue.done(key);
          takeOne();
        };
        for (let worker = 0; worker < workers; worker += 1) takeOne();
        for (const step of steps) {
          if (step.do === "give-back") giveBack();
          else if (step.do === "advance") await clock.advance(step.ms);
          else if (step.do === "forget") queue.forget(step.key);
          else {
            owed.add(step.key);
            if (step.do === "later") queue.addAfter(step.key, step.ms);
            else if (step.do === "add") queue.add(step.key);
            else queue.retry(step.key);
          }
          await turn();
        }
        // Everything's time comes, and workers come back as long as there is work.
        for (let round = 0; round < 2 * steps.length + 2; round += 1) {
          await clock.advance(1_000);
          giveBack();
          await turn();
        }
        assert.deepEqual([...owed], []);
        assert.equal(queue.size, 0);
        assert.equal(idle, workers);
      },
    ),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
});
