/** `make accept-conformance`: PostgreSQL's own tests, every driver, hostile peers and what all of it costs, point by point. */
import { readFileSync } from "node:fs";
import { marksOf } from "../../bench/performance/marks.ts";
import { amount } from "../../bench/performance/print.ts";
import type { Results } from "../../bench/performance/results.ts";
import { addedTime, freshClone, made, tests } from "./proofs.ts";
import { type Outcome, accept } from "./report.ts";

/** What this layer adds to `make test`, but for single cases in files that were there before. */
const ADDED = [
  "test/{bench,conformance,fuzz,hostile,reads,traps}/**/*.test.ts",
  "test/gateway/as-requested.test.ts",
] as const;
const ADDED_SECONDS_MAX = 60;
const FUZZ_MINUTES = 20;
/** Where `make bench` leaves what it found. */
const MEASURED = ".cache/bench/performance.json";

accept([
  { point: "1a a fresh clone: make test", prove: () => freshClone(["make", "test"]) },
  { point: "1b what this adds to make test, warm", prove: () => addedTime(ADDED, ADDED_SECONDS_MAX) },
  {
    point: "2a PostgreSQL's regression tests and node-postgres': direct, by pgbouncer, by the gateway",
    prove: () => made(["conformance"]),
  },
  {
    point: "2b each trap of the protocol, on a server of the version that it concerns",
    prove: () => tests(["test/traps/**/*.{test,e2e}.ts"], []),
  },
  {
    point: "2c eight drivers by every feature, past the gateway and through it",
    prove: () => made(["drivers"]),
  },
  {
    point: "3a hostile clients and hostile servers, each beside its honest twin",
    prove: () => tests(["test/hostile/**/*.{test,e2e}.ts"], []),
  },
  {
    point: "3b every planted defect found, then new seeds for twenty minutes",
    prove: () => made(["fuzz", `MINUTES=${FUZZ_MINUTES}`]),
  },
  {
    point: "4a the gateway beside haproxy, pgbouncer and a bare relay; the marks",
    prove: marks,
  },
  { point: "4b nothing slower than its baseline", prove: () => made(["bench-check"]) },
]);

/** The table is printed whatever it shows; the point is passed where every mark holds. */
function marks(): Outcome {
  const ran = made(["bench"]);
  if (!ran.passed) return ran;
  const results = JSON.parse(readFileSync(MEASURED, "utf8")) as Results;
  const all = marksOf(results);
  const missed = all.filter(({ holds }) => holds !== true);
  const told = missed.map(({ says, value, unit, bound, limit }) => {
    const is = value === undefined ? "not measured" : `${amount(value)} ${unit}`;
    return `${says}: ${is}, ${bound} ${limit}`;
  });
  const figure = [`${all.length - missed.length} of ${all.length} marks held`, ...told].join("; ");
  return { passed: missed.length === 0, figure };
}
