import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Ratios, isRegression, judge, problemOf, ratiosOf } from "../../bench/performance/regression.ts";
import { rowsOf } from "./support/results.ts";

const baselineOf = (...values: readonly number[]) => ({
  runs: values.map((value) => ({ load: 0, ratios: { wait: value } })),
});
const verdictOf = (runs: readonly number[], now: Ratios): string | undefined =>
  judge(baselineOf(...runs), now)[0]?.verdict;

describe("whether a run is worse than the baseline", () => {
  test("what lies among the baseline's own runs is as before", () => {
    for (const wait of [1.5, 1.55, 1.6])
      assert.equal(verdictOf([1.5, 1.52, 1.55, 1.58, 1.6], { wait }), "as before");
  });

  test("beyond the worst run one may be once more as far as the runs lie apart", () => {
    const noisy = [1, 1.1, 1.2, 1.3, 1.4];
    assert.equal(verdictOf(noisy, { wait: 1.79 }), "as before");
    assert.equal(verdictOf(noisy, { wait: 1.81 }), "worse");
  });

  test("runs that happen to agree leave a tenth", () => {
    assert.equal(verdictOf([2, 2, 2, 2, 2], { wait: 2.19 }), "as before");
    assert.equal(verdictOf([2, 2, 2, 2, 2], { wait: 2.21 }), "worse");
  });

  test("better is told and is no failure", () => {
    const [judgement] = judge(baselineOf(2, 2, 2, 2, 2), { wait: 1.5 });
    assert.equal(judgement?.verdict, "better");
    assert.equal(judgement !== undefined && isRegression(judgement), false);
  });

  test("a ratio that is gone is a failure: a row that measures nothing is never worse", () => {
    const [judgement] = judge(baselineOf(2, 2, 2, 2, 2), {});
    assert.equal(judgement?.verdict, "missing");
    assert.equal(judgement !== undefined && isRegression(judgement), true);
  });

  test("a baseline of too few runs, or of runs that measured different things, is none to compare with", () => {
    const five = baselineOf(1, 1, 1, 1, 1);
    assert.equal(problemOf(five), undefined);
    assert.match(problemOf(baselineOf(1, 1)) ?? "", /2 runs/);
    const [first, ...others] = five.runs;
    const uneven = { runs: [...others, { load: first?.load ?? 0, ratios: { wait: 1, weight: 2 } }] };
    assert.match(problemOf(uneven) ?? "", /weight/);
    assert.match(
      problemOf({ runs: uneven.runs.map(({ load }) => ({ load, ratios: {} })) }) ?? "",
      /no ratio/,
    );
  });

  test("ratios are of one run, and only those that it has all figures of", () => {
    const ratios = ratiosOf(
      rowsOf({
        "processor-simple": { gateway: { cpuUs: 30 }, pgbouncer: { cpuUs: 15 } },
        "latency-simple": { gateway: { addedP50Us: 120 } },
      }),
    );
    assert.deepEqual(ratios, { "processor, simple, of pgbouncer's": 2 });
  });
});
