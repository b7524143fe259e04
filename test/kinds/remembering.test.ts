/** Answers are asked for once, kept for their time, and never more of them than may be. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { remembering } from "#operator/admission/facts/remembering.ts";

const { signal } = new AbortController();

function scene(entriesMax = 2): {
  readonly at: (ms: number) => void;
  readonly ask: (key: string) => Promise<string>;
  readonly found: string[];
} {
  let nowMs = 0;
  const found: string[] = [];
  const answers = remembering<string>({ forMs: 10, entriesMax, clock: { monotonicMs: () => nowMs } });
  const find = async (key: string): Promise<string> => {
    found.push(key);
    return key;
  };
  return {
    at: (ms) => {
      nowMs = ms;
    },
    ask: (key) => answers.ask(key, () => find(key), signal),
    found,
  };
}

test("an answer holds for its time, counted from when it was asked", async () => {
  const { at, ask, found } = scene();
  await Promise.all([ask("a"), ask("a")]);
  at(9);
  await ask("a");
  assert.deepEqual(found, ["a"]);
  at(10);
  await ask("a");
  assert.deepEqual(found, ["a", "a"]);
});

test("of too many the oldest is forgotten", async () => {
  const { ask, found } = scene();
  for (const key of ["a", "b", "c", "b", "c", "a"]) await ask(key);
  assert.deepEqual(found, ["a", "b", "c", "a"]);
});

test("a failure is told to all who wait for it, and not remembered", async () => {
  const answers = remembering<string>({ forMs: 10, entriesMax: 2, clock: { monotonicMs: () => 0 } });
  let asked = 0;
  const fail = async (): Promise<string> => {
    asked += 1;
    throw new Error("no answer");
  };
  const both = await Promise.allSettled([answers.ask("a", fail, signal), answers.ask("a", fail, signal)]);
  assert.deepEqual([asked, both.map(({ status }) => status)], [1, ["rejected", "rejected"]]);
  await assert.rejects(answers.ask("a", fail, signal), /no answer/);
  assert.equal(asked, 2);
});
