/** `make accept-operator`: kinds, reconcilers, admission and the chart on a real Kubernetes, point by point. */
import { addedTime, figures, freshClone, tests } from "./proofs.ts";
import { type Outcome, accept, runTests } from "./report.ts";

/** What this layer adds to `make test`. */
const FOLDERS = [
  "kube",
  "kinds",
  "pods",
  "webhook",
  "chart",
  "capture",
  "images",
  "cluster",
  "installed",
] as const;
const ADDED_SECONDS_MAX = 90;

/** Every fault of the Kubernetes layer with how long a change went unnoticed. */
function faults(): Outcome {
  const {
    passed,
    figure,
    figures: all,
  } = runTests(["test/kube/{faults,live,lease}.test.ts", "test/kube/*.e2e.ts"]);
  const deaf = Object.entries(all).filter(([name]) => /^kube\.(?:deaf|leaderless)/.test(name));
  const table = deaf.map(([name, value]) => `${name.replace("kube.", "")} ${value}`);
  return { passed: passed && deaf.length > 0, figure: [...table, figure].join("; ") };
}

accept([
  { point: "1a fresh clone: make test", prove: () => freshClone(["make", "test"]) },
  {
    point:
      "1b helm install, a labelled namespace, a Deployment, its pod Ready in order, by the README's five commands",
    prove: () => tests(["test/installed/*.test.ts"], ["installed.node-ms", "installed.commands-ms"]),
  },
  {
    point: "1c what this adds to make test, warm",
    prove: () =>
      addedTime(
        FOLDERS.map((folder) => `test/${folder}/**/*.test.ts`),
        ADDED_SECONDS_MAX,
      ),
  },
  {
    point: "2a every weakening of the injected shape, against the webhook's check",
    prove: () => tests(["test/pods/mutations.test.ts"], ["pods.mutations"]),
  },
  {
    point: "2b the same against the policies alone, with our webhook configurations deleted",
    prove: () =>
      tests(
        ["test/chart/policies.test.ts"],
        ["chart.mutations", "chart.mutations-by-policy", "chart.wild-pods"],
      ),
  },
  { point: "2c faults of the Kubernetes layer, seconds deaf", prove: faults },
  {
    point: "2d pod shapes, each by the API server's dry run",
    prove: () =>
      tests(
        ["test/pods/shapes.test.ts", "test/kube/live.test.ts"],
        ["pods.shapes", "pods.shapes-injected", "pods.shapes-refused"],
      ),
  },
  {
    point: "2e ways to opt out",
    prove: () => tests(["test/pods/{opt-outs,hostile}.test.ts"], ["pods.opt-outs"]),
  },
  {
    point: "2f T1–T13, T15–T17, T33–T35, T38, T47–T49, each first shown to work without us",
    prove: () => tests(["test/bypass/*.e2e.ts"], ["bypass.attacks", "bypass.opt-outs"]),
  },
  {
    point: "2g capture: the rules, their self-test, and nothing on the wire",
    prove: () => tests(["test/capture/*.test.ts"], ["capture.gw_init_ms", "gateway.start_to_ready_ms"]),
  },
  {
    point: "2h kinds, conditions and confused deputies on the API server",
    prove: () => tests(["test/kinds/*.test.ts", "test/kube/live.test.ts"], ["kinds.rule-samples-on-server"]),
  },
  {
    point: "3a admission latency beside the bare API server, at 10,000 pods and 50 requests/s; memory",
    prove: () => figures([process.execPath, "bench/admission.ts"], ["p50", "p99"]),
  },
  {
    point: "3b memory of a store of 10,000 pods",
    prove: () => tests(["test/kube/memory.test.ts"], ["kube.rss-10000-trimmed-pods-mib"]),
  },
  {
    point:
      "2i replicas, rotation and drift under load; both tiers of test clusters, of which nothing is left when they are killed",
    prove: () =>
      tests(["test/webhook/replicas.e2e.ts", "test/cluster/**/*.e2e.ts"], ["cluster.node-ready-ms"]),
  },
  {
    point: "4a every command of docs/operations.md, on a real cluster",
    prove: () => tests(["test/installed/*.e2e.ts"], ["operations.pods-meanwhile"]),
  },
  {
    point: "4b every other command of the documents; the chart's objects, rights and values",
    prove: () =>
      tests(
        ["test/docs/*.test.ts", "test/chart/{rights,render,values}.test.ts", "test/chart/release.e2e.ts"],
        [],
      ),
  },
]);
