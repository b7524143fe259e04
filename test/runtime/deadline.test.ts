/** A wait that ends with one of several signals or after a time, and leaves nothing with them when it is over before. */
import assert from "node:assert/strict";
import { getEventListeners, once } from "node:events";
import { test } from "node:test";
import { deadline } from "#runtime/deadline.ts";

const HOUR_MS = 3_600_000;

test("it ends with whichever signal ends first, for that one's reason", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  using wait = deadline([first.signal, second.signal], HOUR_MS);
  assert.equal(wait.signal.aborted, false);
  second.abort("second");
  first.abort("first");
  assert.equal(wait.signal.reason, "second");
});

test("a signal that had ended before has ended it", () => {
  using alone = deadline(AbortSignal.abort("gone"), HOUR_MS);
  assert.equal(alone.signal.reason, "gone");
  using one = deadline([new AbortController().signal, AbortSignal.abort("gone")], HOUR_MS);
  assert.equal(one.signal.reason, "gone");
});

test("it ends after its time, with or without a signal", async () => {
  for (const outer of [[], new AbortController().signal]) {
    using wait = deadline(outer, 1);
    // The timer alone keeps no process alive.
    const alive = setInterval(() => undefined, HOUR_MS);
    if (!wait.signal.aborted) await once(wait.signal, "abort");
    clearInterval(alive);
    assert.equal((wait.signal.reason as Error).name, "TimeoutError");
  }
});

test("what is over leaves nothing behind, and is not ended any more", () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const wait = deadline([first.signal, second.signal], HOUR_MS);
  const listeners = (): number =>
    getEventListeners(first.signal, "abort").length + getEventListeners(second.signal, "abort").length;
  assert.equal(listeners(), 2);
  wait[Symbol.dispose]();
  assert.equal(listeners(), 0);
  first.abort("later");
  assert.equal(wait.signal.aborted, false);
});
