/** `make accept-lineage`: families of agents, their revocation, the Kubernetes API, dashboards and every attack, point by point. */
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { addedTime, bench, freshClone, made, tests } from "./proofs.ts";
import { type Outcome, accept } from "./report.ts";

/** What this layer adds to `make test`, but for single cases in files that were there before. */
const ADDED = [
  "test/{lineage,kubernetes,http,monitoring}/**/*.test.ts",
  "test/exchange/lineage.test.ts",
  "test/broker/{agents,revocations}.test.ts",
  "test/gateway/revoke.test.ts",
  "test/policy/revocation.test.ts",
  "test/cli/{kubernetes,lineage-tree}.test.ts",
  "test/bypass/*.test.ts",
] as const;
const ADDED_SECONDS_MAX = 60;

const DASHBOARDS = "charts/sallyport/monitoring/dashboards";
const PAGE = "docs/operations/dashboards.md";

/** That they are of real data is the business of whoever draws them; that each is there and shown can be seen here. */
function pictures(): Outcome {
  const names = readdirSync(DASHBOARDS)
    .filter((file) => file.endsWith(".json"))
    .map((file) => basename(file, ".json"));
  const page = readFileSync(PAGE, "utf8");
  const missing = names.filter(
    (name) => !existsSync(join("docs/pictures", `${name}.svg`)) || !page.includes(`pictures/${name}.svg`),
  );
  const figure = `${names.length - missing.length} of ${names.length} dashboards`;
  return {
    passed: names.length > 0 && missing.length === 0,
    figure: missing.length === 0 ? figure : `${figure}; MISSING ${missing.join(", ")}`,
  };
}

accept([
  { point: "1a a fresh clone: make test", prove: () => freshClone(["make", "test"]) },
  { point: "1b what this adds to make test, warm", prove: () => addedTime(ADDED, ADDED_SECONDS_MAX) },
  { point: "1c every attack, first without what stops it: make bypass", prove: () => made(["bypass"]) },
  { point: "1d what takes longer: make e2e", prove: () => made(["e2e"]) },
  {
    point:
      "1e a pipeline's Job, an orchestrator with kubectl, its helper and that one's: nobody gets more than was handed on; one command ends them",
    prove: () =>
      tests(["test/installed/family.e2e.ts"], ["family.attempts", "family.revoked_query_ended_ms"]),
  },
  {
    point: "1f kubectl and three client libraries in agents' pods, through the gateway",
    prove: () =>
      tests(
        ["test/kubernetes/*.{test,e2e}.ts", "test/installed/kubernetes.e2e.ts"],
        ["kubernetes.pod_watch_ended_ms"],
      ),
  },
  {
    point: "2a random forests against a model, and seven mistakes that it has to find",
    prove: () => tests(["test/lineage/*.test.ts"], ["lineage.forest-granted"], { FUZZ_RUNS: "1000" }),
  },
  {
    point: "2b families, limits and revocations on a real API server, with two replicas of the broker",
    prove: () =>
      tests(
        ["test/cluster-broker/*.{test,e2e}.ts", "test/{exchange/lineage,broker/revocations}.test.ts"],
        ["lineage.inspect-depth-4-rights-asked-anew-p50-ms"],
      ),
  },
  {
    point: "3a admission where the owner is asked for, beside the bare API server, at 10,000 pods",
    prove: () => bench("admission", ["of a controller, as well", "p50", "p99"]),
  },
  {
    point: "3b exchange below four agents; memory of 10,000 pods' lineage",
    prove: () => bench("lineage", ["identify and exchange, below 4 agents", "renew, below 4 agents"]),
  },
  {
    point: "3c a revocation, until sessions below have ended: 20 pods beside 2,000 streams; at most a second",
    prove: () => bench("propagation", ["broker with 2000 streams", "a revocation"]),
  },
  {
    point: "4a docs/lineage.md and every other example of the documents",
    prove: () => tests(["test/docs/*.test.ts", "test/cli/docs.test.ts", "test/limits/*.test.ts"], []),
  },
  {
    point: "4b each alert firing and quiet; every panel and rule finds data in a real Prometheus",
    prove: () => tests(["test/monitoring/*.test.ts", "test/monitoring/*.e2e.ts"], []),
  },
  { point: "4c a picture of each dashboard", prove: pictures },
]);
