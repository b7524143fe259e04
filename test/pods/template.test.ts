/** Whoever writes a workload is told that its pods will be refused; the workload itself is not. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { V1PodSpec } from "@kubernetes/client-node";
import { templateOf } from "#operator/admission/pod/template.ts";
import type { JsonObject, Review } from "#operator/admission/server/review.ts";
import { ClusterUnavailable } from "#operator/admission/server/webhook.ts";
import { mutateWorkloads } from "#operator/admission/webhooks/workloads.ts";
import { ALONE } from "#test/attribution/support/owners.ts";
import { SETTINGS } from "./surroundings.ts";

const GOOD: V1PodSpec = { containers: [{ name: "app", image: "app" }] };
const BAD: V1PodSpec = { ...GOOD, hostNetwork: true };

const deployment = (spec: V1PodSpec, metadata: object = {}): JsonObject => ({
  metadata: { name: "shop", ...metadata },
  spec: { replicas: 1, template: { metadata: { labels: { app: "shop" } }, spec } },
});

const known = mutateWorkloads({
  settings: SETTINGS,
  newer: () => Promise.resolve([]),
  attribution: ALONE,
  namespaces: () => Promise.resolve({ rootless: "force", podSecurity: undefined }),
  writers: { writesOf: () => Promise.resolve(undefined) },
});

const asked = (object: JsonObject, oldObject?: JsonObject, resource = "deployments"): Review => ({
  uid: "1",
  group: resource === "cronjobs" ? "batch" : "apps",
  resource,
  subResource: "",
  name: "shop",
  namespace: "shop",
  operation: oldObject === undefined ? "CREATE" : "UPDATE",
  userInfo: { username: "alice", uid: "", groups: [], extra: {} },
  object,
  oldObject,
  isDryRun: false,
});

async function warningsOf(review: Review, webhook = known): Promise<readonly string[]> {
  const verdict = await webhook.judge(review, AbortSignal.timeout(30_000));
  assert.equal(verdict.outcome, "allowed");
  return verdict.outcome === "allowed" ? (verdict.warnings ?? []) : [];
}

const HOST_NETWORK =
  /^its pods will be refused: spec\.template\.spec\.hostNetwork shares .*Remove hostNetwork/;

test("a Deployment whose pods will be refused is made, with a warning that names the field", async () => {
  const [warning, ...others] = await warningsOf(asked(deployment(BAD)));
  assert.match(warning ?? "", HOST_NETWORK);
  assert.deepEqual(others, []);
});

test("one whose pods will be injected is made without", async () => {
  assert.deepEqual(await warningsOf(asked(deployment(GOOD))), []);
});

test("a CronJob's pods are found where they are", async () => {
  const cronJob = {
    metadata: { name: "shop" },
    spec: { jobTemplate: { spec: { template: { spec: BAD } } } },
  };
  const [warning] = await warningsOf(asked(cronJob, undefined, "cronjobs"));
  assert.match(warning ?? "", /spec\.jobTemplate\.spec\.template\.spec\.hostNetwork/);
});

describe("a change is warned of", () => {
  test("when it makes the template bad", async () => {
    assert.match((await warningsOf(asked(deployment(BAD), deployment(GOOD))))[0] ?? "", HOST_NETWORK);
  });
  test("and not when the template stays, as when it is scaled", async () => {
    assert.deepEqual(await warningsOf(asked(deployment(BAD, { labels: { a: "b" } }), deployment(BAD))), []);
  });
});

test("controllers are not told of what their owners' author was", async () => {
  const ownerReferences = [{ controller: true, kind: "Deployment", name: "shop" }];
  assert.deepEqual(
    await warningsOf(asked(deployment(BAD, { ownerReferences }), undefined, "replicasets")),
    [],
  );
});

test("where nothing is known of the namespace nobody is warned, and nothing refused", async () => {
  const unknown = mutateWorkloads({
    settings: SETTINGS,
    newer: () => Promise.resolve([]),
    attribution: ALONE,
    namespaces: () => Promise.reject(new ClusterUnavailable("not read yet")),
    writers: { writesOf: () => Promise.resolve(undefined) },
  });
  assert.deepEqual(await warningsOf(asked(deployment(BAD)), unknown), []);
});

test("any other fault is not passed over", async () => {
  const broken = mutateWorkloads({
    settings: SETTINGS,
    newer: () => Promise.resolve([]),
    attribution: ALONE,
    namespaces: () => Promise.reject(new TypeError("a bug")),
    writers: { writesOf: () => Promise.resolve(undefined) },
  });
  await assert.rejects(warningsOf(asked(deployment(BAD)), broken), TypeError);
});

test("what has no template has none", () => {
  for (const object of [undefined, {}, { spec: null }, { spec: { template: null } }]) {
    assert.equal(templateOf(object), undefined);
  }
});
