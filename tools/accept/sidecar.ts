/** `make accept-sidecar`: capture, the gateway of a pod, the broker over the network and exchange, on a real Kubernetes, point by point. */
import { addedTime, bench, freshClone, tests } from "./proofs.ts";
import { accept } from "./report.ts";

/** What this layer adds to `make test`. */
const ADDED = [
  "test/{capture,pod-plane,exchange,cluster-broker}/**/*.test.ts",
  "test/port/{enrolment,mutual-tls,replicas,moving}.test.ts",
  "test/installed/*.test.ts",
] as const;
const ADDED_SECONDS_MAX = 120;

accept([
  { point: "1a fresh clone: make test", prove: () => freshClone(["make", "test"]) },
  {
    point: "1b network namespaces and the happy path: what this adds to make test, warm",
    prove: () => addedTime(ADDED, ADDED_SECONDS_MAX),
  },
  {
    point: "1c an agent and a database through everything that can happen to both",
    prove: () => tests(["test/installed/{orders,outages}.e2e.ts"], []),
  },
  {
    point: "1d a release through its life, by docs/operations.md, under live sessions",
    prove: () => tests(["test/installed/operations.e2e.ts"], ["operations.pods-meanwhile"]),
  },
  {
    point: "2a threats on the agent's side and on the cluster's, each first shown to work without us",
    prove: () => tests(["test/bypass/*.e2e.ts"], ["bypass.attacks"]),
  },
  {
    point: "2b the port over mutual TLS: contract, faults, stolen tokens, keys pinned to a pod",
    prove: () => tests(["test/port/*.test.ts", "test/broker/issuer-keys.test.ts"], []),
  },
  {
    point: "2c one table of denials over exchange, renew and the token endpoint; watches that are blind",
    prove: () => tests(["test/exchange/*.test.ts", "test/cluster-broker/*.test.ts"], []),
  },
  {
    point: "3a exchange, cold and renewed, with a real API server",
    prove: () => bench("exchange", ["identify and exchange", "renew", "p50", "p99"]),
  },
  {
    point: "3b memory when ready and after a thousand parses; start to ready",
    prove: () => bench("sidecar", ["start to ready", "after a thousand"]),
  },
  {
    point: "3c memory of a broker with 2,000 streams, and how soon all of them are at another",
    prove: () => bench("storm", ["replica with 2000", "all at the other"]),
  },
  {
    point: "3d capture beside a plain relay in the same pod, names, memory with a hundred sessions",
    prove: () => bench("capture", ["a plain relay", "captured, relayed", "a name", "100 sessions"]),
  },
  {
    point: "3e a change in the cluster, until it holds in 20 pods beside 2,000 streams; at most a second",
    prove: () =>
      bench("propagation", [
        "broker with 2000 streams",
        "an edited policy",
        "an edited Connection",
        "a rotated Secret",
        "a deleted pod",
      ]),
  },
  {
    point: "4a every command of the README on the test cluster: five lead from nothing to a mediated pod",
    prove: () => tests(["test/installed/*.test.ts"], ["installed.node-ms", "installed.commands-ms"]),
  },
  {
    point: "4b every example and every limit that the documents speak of",
    prove: () => tests(["test/docs/*.test.ts", "test/limits/*.test.ts", "test/capture/docs.test.ts"], []),
  },
]);
