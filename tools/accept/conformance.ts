/** `make accept-conformance`: PostgreSQL's own tests, every driver, hostile peers and what all of it costs, point by point. */
import { addedTime, freshClone, made, tests } from "./proofs.ts";
import { accept } from "./report.ts";

/** What this layer adds to `make test`, but for single cases in files that were there before. */
const ADDED = [
  "test/{bench,conformance,fuzz,hostile,traps}/**/*.test.ts",
  "test/gateway/as-requested.test.ts",
] as const;
const ADDED_SECONDS_MAX = 60;
const FUZZ_MINUTES = 20;

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
    point: "3b ten planted defects found, then new seeds for twenty minutes",
    prove: () => made(["fuzz", `MINUTES=${FUZZ_MINUTES}`]),
  },
  {
    point: "4a the gateway beside haproxy, pgbouncer and a bare relay; the marks",
    prove: () => made(["bench"]),
  },
  { point: "4b nothing slower than its baseline", prove: () => made(["bench-check"]) },
]);
