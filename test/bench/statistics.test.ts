import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { figure, median, quantile, shuffled, spread } from "../../bench/performance/statistics.ts";

const settings = { numRuns: fuzzRuns(300), ...fuzzSeed() };
const numbers = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 50 });

describe("the few numbers that stand for many", () => {
  test("the median is in the middle, whatever the order and the evenness", () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 7]), 6);
    assert.equal(median([3]), 3);
  });

  test("a quantile is the smallest value that is not below its part", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
    assert.equal(quantile(hundred, 0.5), 50);
    assert.equal(quantile(hundred, 0.99), 99);
    assert.equal(quantile(hundred, 1), 100);
    assert.equal(quantile(hundred, 0), 1);
  });

  test("no values have no middle, and say so", () => {
    assert.throws(() => median([]), RangeError);
    assert.throws(() => quantile([], 0.5), RangeError);
  });

  test("spread is how far the runs lie apart, as a part of their middle", () => {
    assert.equal(spread(figure([90, 100, 120])), 0.3);
    assert.equal(spread(figure([7, 7])), 0);
  });

  test("no run is outside of its figure, and half of them are on either side", () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const { median: middle, min, max } = figure(values);
        assert.ok(min <= middle && middle <= max);
        assert.ok(values.every((value) => min <= value && value <= max));
        const half = values.length / 2;
        assert.ok(values.filter((value) => value <= middle).length >= half);
        assert.ok(values.filter((value) => value >= middle).length >= half);
      }),
      settings,
    );
  });

  test("a shuffle loses nothing and doubles nothing", () => {
    fc.assert(
      fc.property(
        numbers,
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 50 }),
        (values, keys) => {
          const at = keys[Symbol.iterator]();
          const mixed = shuffled(values, () => at.next().value ?? 0);
          assert.deepEqual(mixed.toSorted(), values.toSorted());
        },
      ),
      settings,
    );
  });
});
