/** Policies about Kubernetes, asked as their authors ask: by tests beside them, by `explain`, by `lint`. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fencesOf } from "#test/docs/fences.ts";
import { directoryWith } from "./directory.ts";
import { ROOT, sallyport } from "./harness.ts";

/** The page's own example. */
const [KINDS] = fencesOf("kubernetes.md", readFileSync(join(ROOT, "docs/kubernetes.md"), "utf8")).filter(
  ({ info }) => info === "yaml test",
);

interface Case {
  readonly asks: string;
  readonly comes: "allow" | "deny";
  readonly by?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  "pods are looked at": { asks: "{verb: list, resource: pods, namespace: shop}", comes: "allow" },
  "and their logs": { asks: "{verb: get, resource: pods/log, namespace: shop, name: web}", comes: "allow" },
  "a star takes subresources in": {
    asks: "{verb: get, resource: deployments.apps/scale, namespace: shop, name: web}",
    comes: "allow",
  },
  "a resource does not": {
    asks: "{verb: get, resource: pods/status, namespace: shop, name: web}",
    comes: "deny",
  },
  "elsewhere is another matter": { asks: "{verb: list, resource: pods, namespace: bank}", comes: "deny" },
  "and so is everywhere": { asks: "{verb: list, resource: pods}", comes: "deny" },
  "jobs are started": { asks: "{verb: create, resource: jobs.batch, namespace: shop}", comes: "allow" },
  "and their like of another group are not": {
    asks: "{verb: create, resource: jobs.example.com, namespace: shop}",
    comes: "deny",
  },
  "the database is not touched": {
    asks: "{verb: patch, resource: statefulsets.apps, namespace: shop, name: orders-db}",
    comes: "deny",
    by: "operators/not-the-database",
  },
  "discovery is for whoever has any rule": { asks: "{verb: get, path: /apis/batch/v1}", comes: "allow" },
  "metrics are not": { asks: "{verb: get, path: /metrics}", comes: "deny" },
  "nobody mints tokens": {
    asks: "{verb: create, resource: serviceaccounts/token, namespace: shop, name: operator}",
    comes: "deny",
  },
};

function directory(context: TestContext, more: Readonly<Record<string, string>> = {}): string {
  const cases = Object.entries(CASES).map(
    ([name, { asks, comes, by }]) => `    - name: ${name}
      subject: {serviceAccount: {namespace: agents, name: operator}}
      connection: {namespace: shop, name: cluster}
      kubernetes: ${asks}
      expect: {outcome: ${comes}${by === undefined ? "" : `, by: ${by}`}}`,
  );
  const tests = `apiVersion: sallyport.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: cluster}\nspec:\n  cases:\n${cases.join("\n")}\n`;
  return directoryWith(context, { "kinds.yaml": KINDS?.text ?? "", "tests.yaml": tests, ...more });
}

test("every case comes to what it says", async (context) => {
  const { code, out } = await sallyport(["test", directory(context)]);
  assert.equal(code, 0, out);
  assert.match(out, new RegExp(`\\b${Object.keys(CASES).length} passed`));
});

test("explain takes a request as HTTP has it, and says what it is and why", async (context) => {
  const question = ["--subject", "sa:agents/operator", "--connection", "shop/cluster"];
  const ask = (request: string) =>
    sallyport(["explain", "--config", directory(context), ...question, "--request", request]);
  const denied = await ask("PATCH /apis/apps/v1/namespaces/shop/statefulsets/orders-db");
  assert.equal(denied.code, 1);
  assert.match(denied.out, /^DENY {2}DENY_RULE\n {2}The database is changed by its owners\./);
  assert.match(denied.out, /\nWhat it does\n {2}patch statefulsets\.apps shop\/orders-db\n/);
  const allowed = await ask("GET /api/v1/namespaces/shop/pods?watch=true");
  assert.equal(allowed.code, 0);
  assert.match(allowed.out, /\nWhat it does\n {2}watch pods in shop\n/);
  assert.match(allowed.out, /The API server asks RBAC beside them/);
  const close = await ask("GET /api/v1/pods");
  assert.match(
    close.out,
    /near allow shop\/operators\/look .*\n +its namespaces do not cover what is in no namespace, or in all\n/,
  );
  const odd = await ask("GET /api/v1/namespaces/shop/../pods");
  assert.match(odd.out, /^DENY {2}DENY_UNANALYSED\n {2}.*several ways/);
  const none = await ask("pods");
  assert.equal(none.code, 2);
  assert.match(none.err, /--request is a method and a path/);
});

test("lint tells rules that give a cluster away from such that say the same twice", async (context) => {
  const wide = `apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: {name: wide, namespace: shop}
spec:
  subjects: [{serviceAccount: {name: boss, namespace: agents}}]
  connections: {names: [cluster]}
  allow:
    - name: all
      reason: To see what it finds.
      kubernetes: {verbs: ["*"], resources: ["*"]}
    - name: pods
      kubernetes: {verbs: [get], resources: ["*"], namespaces: [shop]}
`;
  const { out } = await sallyport(["lint", directory(context, { "wide.yaml": wide })]);
  assert.match(out, /WIDE_KUBERNETES.*\n?.*rule "all" writes every resource/);
  assert.match(out, /DUPLICATE_RULE.*\n?.*"pods" adds nothing to "all"/);
  assert.doesNotMatch(out, /SHADOWED_RULE|not-the-database/);
});
