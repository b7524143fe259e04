/** The properties can fail: every planted mistake is noticed by each property that is there for it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { model } from "./deciders.ts";
import { DEFECTS } from "./planted.ts";
import * as properties from "./properties.ts";

/** A fixed seed, so that a mistake that is hard to hit is not noticed on some days only. */
const SEED = 20_270_101;
const RUNS = 6_000;

for (const [mistake, { parts, noticedBy }] of Object.entries(DEFECTS)) {
  test(`noticed: ${mistake}`, () => {
    for (const property of noticedBy) {
      const name = Object.entries(properties).find(([, known]) => known === property)?.[0];
      const run = fc.check(property(model(parts)), { numRuns: RUNS, seed: SEED, endOnFailure: true });
      assert.ok("failed" in run && run.failed, `${name} does not notice it`);
    }
  });
}

test("the model without a mistake has every property", () => {
  for (const property of new Set(Object.values(DEFECTS).flatMap(({ noticedBy }) => noticedBy))) {
    void fc.assert(property(model()), { numRuns: 60, seed: SEED });
  }
});
