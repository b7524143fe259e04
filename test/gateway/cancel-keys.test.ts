import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { openCancelKeys, workerOf } from "#sidecar/gateway/cancel-keys.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

test("a key finds its owner and tells its worker", () => {
  const keys = openCancelKeys<string>(3);
  const short = keys.issue("a", 8);
  const long = keys.issue("b", 36);
  assert.deepEqual([workerOf(short), workerOf(long)], [3, 3]);
  assert.deepEqual([short.length, long.length], [8, 36]);
  assert.deepEqual([keys.ownerOf(short), keys.ownerOf(long)], ["a", "b"]);
});

test("a key that differs in any one byte finds nobody", () => {
  const keys = openCancelKeys<string>(0);
  const key = keys.issue("a", 36);
  for (let at = 0; at < key.length; at += 1) {
    const guess = Uint8Array.from(key);
    guess[at] = (guess[at] ?? 0) ^ 1;
    assert.equal(keys.ownerOf(guess), undefined, `byte ${at}`);
  }
  assert.equal(keys.ownerOf(key), "a");
});

test("a key cut short or made longer finds nobody", () => {
  const keys = openCancelKeys<string>(0);
  const key = keys.issue("a", 12);
  for (let length = 0; length < key.length; length += 1)
    assert.equal(keys.ownerOf(key.subarray(0, length)), undefined);
  assert.equal(keys.ownerOf(Uint8Array.of(...key, 0)), undefined);
});

test("a withdrawn key finds nobody, another one still does", () => {
  const keys = openCancelKeys<string>(0);
  const gone = keys.issue("a", 8);
  const here = keys.issue("b", 8);
  keys.withdraw("a");
  keys.withdraw("a");
  assert.equal(keys.ownerOf(gone), undefined);
  assert.equal(keys.ownerOf(here), "b");
});

test("a key too short to be a secret is a bug", () => {
  assert.throws(() => openCancelKeys<string>(0).issue("a", 4), RangeError);
});

test("no bytes from the wire are a problem", () => {
  const keys = openCancelKeys<string>(7);
  keys.issue("a", 8);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (guess) => {
      assert.equal(keys.ownerOf(guess), undefined);
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
});
