import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { marksOf } from "../../bench/performance/marks.ts";
import { rowsOf } from "./support/results.ts";

const GOOD = {
  "latency-simple": { gateway: { addedP50Us: 110 }, relay: { addedP50Us: 92 }, haproxy: { addedP50Us: 70 } },
  "processor-simple": { gateway: { cpuUs: 33 }, relay: { cpuUs: 22 }, pgbouncer: { cpuUs: 17 } },
  "bulk-redacted": { gateway: { ratio: 1.02 } },
  idle: { gateway: { kbEach: 40 } },
  "throughput-64": { "gateway-strict": { ofWindowed: 0.75 } },
};

describe("the marks", () => {
  test("hold where every figure is on the right side", () => {
    assert.deepEqual(
      marksOf(rowsOf(GOOD)).map(({ id, holds }) => [id, holds]),
      [
        ["latency-over-relay", true],
        ["latency-of-haproxy", true],
        ["processor-over-relay", true],
        ["processor-of-pgbouncer", true],
        ["bulk-redacted", true],
        ["idle", true],
        ["strict-at-64", true],
      ],
    );
  });

  const bad = {
    "latency-over-relay": { "latency-simple": { ...GOOD["latency-simple"], gateway: { addedP50Us: 113 } } },
    "latency-of-haproxy": { "latency-simple": { ...GOOD["latency-simple"], haproxy: { addedP50Us: 60 } } },
    "processor-over-relay": { "processor-simple": { ...GOOD["processor-simple"], relay: { cpuUs: 17 } } },
    "processor-of-pgbouncer": {
      "processor-simple": { ...GOOD["processor-simple"], pgbouncer: { cpuUs: 16 } },
    },
    "bulk-redacted": { "bulk-redacted": { gateway: { ratio: 1.06 } } },
    idle: { idle: { gateway: { kbEach: 51 } } },
    "strict-at-64": { "throughput-64": { "gateway-strict": { ofWindowed: 0.69 } } },
  };
  for (const [id, rows] of Object.entries(bad))
    test(`${id} alone fails where its figure is worse`, () => {
      const failed = marksOf(rowsOf({ ...GOOD, ...rows })).filter(({ holds }) => holds !== true);
      assert.deepEqual(
        failed.map((mark) => [mark.id, mark.holds]),
        [[id, false]],
      );
    });

  test("what was not measured neither holds nor fails", () => {
    const marks = marksOf(rowsOf({}));
    assert.ok(
      marks.length > 0 && marks.every(({ value, holds }) => value === undefined && holds === undefined),
    );
  });
});
