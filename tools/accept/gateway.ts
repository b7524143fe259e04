/** `make accept-gateway`: the standalone gateway in front of a real PostgreSQL, point by point. */
import { bench, figures, freshClone, tests } from "./proofs.ts";
import { accept } from "./report.ts";

accept([
  {
    point: "1 fresh clone: the demo, then all tests",
    prove: () => freshClone(["make", "demo", "ONCE=1"], ["make", "test"]),
  },
  {
    point: "2 clients unchanged, on PostgreSQL 15 and 18",
    prove: () => tests(["test/drivers/*.test.ts", "test/postgres/clients.test.ts"], []),
  },
  {
    point: "3 refusals beside what PostgreSQL alone would have left",
    prove: () => tests(["test/postgres/{refusals,differential,sessions}.test.ts"], []),
  },
  {
    point: "4a a session and each protocol, cut, slow, broken off and hostile",
    prove: () =>
      tests(
        ["test/postgres/{frames,messages,engine,login,scram,slow}.test.ts", "test/gateway/*.test.ts"],
        [],
      ),
  },
  {
    point: "4b large values and results through flat memory",
    prove: () =>
      tests(
        ["test/postgres/large.test.ts"],
        ["postgres.rss-growth-300mb-value-mib", "postgres.rss-growth-large-result-mib"],
        { LARGE: "1" },
      ),
  },
  {
    point: "5a 2,000 connections open, 200 active",
    prove: () => figures([process.execPath, "bench/connections.ts"]),
  },
  {
    point: "5b an edit of a policy reaches 1,000 sessions, 100 of them streaming",
    prove: () => figures([process.execPath, "bench/immediacy.ts"]),
  },
  {
    point: "5c beside direct, haproxy and pgbouncer",
    prove: () =>
      bench("performance --gateways=one --short --only=latency-simple,bulk", [
        "direct",
        "haproxy",
        "pgbouncer",
        "gateway",
      ]),
  },
  {
    point: "6a kill -9 at 50 points under load",
    prove: () =>
      tests(["test/crash/*.test.ts"], ["crash.points", "crash.carried-out", "crash.refused", "crash.ends"], {
        CRASH_POINTS: "50",
      }),
  },
  {
    point: "6b kill -9 of a broker that stores, and at every step of minting",
    prove: () =>
      tests(
        ["test/trail/kill.test.ts", "test/broker/crash.test.ts"],
        ["trail.kills", "trail.kill-acknowledged", "broker.crash-points"],
        { FUZZ_RUNS: "50" },
      ),
  },
  {
    point: "6c power loss, 10,000 histories",
    prove: () => tests(["test/trail/power-loss.test.ts"], ["trail.histories"], { TRAIL_HISTORIES: "10000" }),
  },
  {
    point: "6d the credential is nowhere but with the broker",
    prove: () => tests(["test/e2e/canary.test.ts"], ["canary.needles"]),
  },
  {
    point: "7 every command of the README and of the documents",
    prove: () => tests(["test/docs/*.test.ts", "test/demo/*.test.ts"], ["demo.seconds"]),
  },
]);
