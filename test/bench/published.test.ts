import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { documentOf } from "../../bench/performance/document.ts";
import { DOCUMENT, readBaseline, readPublished } from "../../bench/performance/files.ts";
import { problemOf, ratiosOf } from "../../bench/performance/regression.ts";
import { ROW_IDS } from "../../bench/performance/rows/row.ts";

/** Both are made by `make bench-publish`, of one revision on one machine: there is neither before, and both from then on. */
describe("the published run", () => {
  const published = readPublished();
  const baseline = readBaseline();

  test("is what docs/performance.md says", () => {
    const page = existsSync(DOCUMENT) ? readFileSync(DOCUMENT, "utf8") : undefined;
    const made = published === undefined ? undefined : documentOf(published);
    assert.equal(page, made, "run node bench/document.ts");
  });

  test("has every row and mark", () => {
    if (published === undefined) return;
    assert.deepEqual(Object.keys(published.rows), [...ROW_IDS]);
    assert.doesNotMatch(documentOf(published), /not measured/);
  });

  test("has a baseline beside it, of five runs with the same ratios", () => {
    assert.equal(typeof baseline === "string", published === undefined, "make bench-publish makes both");
    if (typeof baseline === "string" || published === undefined) return;
    assert.equal(problemOf(baseline), undefined);
    assert.deepEqual(Object.keys(baseline.runs[0]?.ratios ?? {}), Object.keys(ratiosOf(published)));
  });
});
