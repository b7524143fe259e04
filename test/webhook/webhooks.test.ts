import assert from "node:assert/strict";
import { test } from "node:test";
import { type NamespaceFacts, namespaceFacts, says } from "#operator/admission/facts/namespaces.ts";
import { type Review, readReview } from "#operator/admission/server/review.ts";
import { ClusterUnavailable, WEBHOOK_PATHS, type WebhookName } from "#operator/admission/server/webhook.ts";
import { validateKinds } from "#operator/admission/webhooks/kinds.ts";
import { webhooks } from "#operator/admission/webhooks/table.ts";
import { KubeError } from "#operator/kube/error.ts";
import { type Namespace, type OwnKind, PODS } from "#operator/kube/resource.ts";
import { openStore } from "#operator/kube/store.ts";
import type { Kube } from "#operator/kube/client.ts";
import { parseSettings } from "#operator/config/read.ts";
import { ALONE } from "#test/attribution/support/owners.ts";
import { operatorConfig } from "./support/config.ts";
import { review } from "./support/admission-port.ts";

const signal = new AbortController().signal;
const reviewOf = (request: Readonly<Record<string, unknown>>): Review =>
  readReview(JSON.parse(review(request)) as unknown);

const noKinds = {
  Connection: openStore<OwnKind>({ name: "connections", onError: assert.ifError }),
  IdentityProvider: openStore<OwnKind>({ name: "identityproviders", onError: assert.ifError }),
};

const policy = (statements: readonly string[]) => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "SecretAccessPolicy",
  metadata: { name: "reporting", namespace: "shop", uid: "1" },
  spec: {
    subjects: [{ serviceAccount: { name: "agent" } }],
    connections: { names: ["orders"] },
    allow: [{ name: "read", postgres: { statements, tables: ["public.orders"] } }],
  },
});
const kinds = { group: "sallyport.dev", version: "v1alpha1", resource: "secretaccesspolicies" };

test("a broken object that got in may be labelled and ended, and changed for the better only", async () => {
  const [good, broken] = [policy(["read"]), policy(["reed"])];
  const judge = (object: object, oldObject: object | null) =>
    validateKinds(noKinds).judge(
      reviewOf({ resource: kinds, operation: oldObject === null ? "CREATE" : "UPDATE", object, oldObject }),
      signal,
    );
  assert.equal((await judge(good, null)).outcome, "allowed");
  assert.equal((await judge(broken, null)).outcome, "refused");
  assert.equal((await judge(broken, good)).outcome, "refused");
  assert.equal((await judge(good, broken)).outcome, "allowed");
  const labelled = { ...broken, metadata: { ...broken.metadata, labels: { team: "shop" } } };
  const verdict = await judge(labelled, broken);
  assert.equal(verdict.outcome, "allowed");
  assert.match(verdict.outcome === "allowed" ? (verdict.warnings ?? []).join() : "", /reed/);
});

test("a namespace's label decides who is root, and one that is misspelt decides for the strictest", () => {
  assert.equal(says("shop", {}, "force").rootless, "force");
  assert.equal(says("shop", { "sallyport.dev/rootless": "rootNoCaps" }, "force").rootless, "rootNoCaps");
  const misspelt = says("shop", { "sallyport.dev/rootless": "rootnocaps" }, "force");
  assert.deepEqual([misspelt.rootless, misspelt.rootlessUnknown], ["deny", "rootnocaps"]);
});

test("what the store says of a namespace counts only while it follows the API server", async () => {
  const of = (rootless: string): Namespace => ({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "shop", labels: { "sallyport.dev/rootless": rootless } },
  });
  let isFollowing = true;
  let live: Namespace | undefined = of("deny");
  const facts: NamespaceFacts = namespaceFacts({
    kube: { get: async () => live } as unknown as Kube,
    store: { get: (key) => (key === "shop" ? of("force") : undefined) },
    isFollowing: () => isFollowing,
    rootless: "rootNoCaps",
  });
  assert.equal((await facts("shop", signal)).rootless, "force");
  isFollowing = false;
  assert.equal((await facts("shop", signal)).rootless, "deny");
  isFollowing = true;
  assert.equal((await facts("new", signal)).rootless, "deny");
  live = undefined;
  await assert.rejects(facts("gone", signal), /there is no namespace/);
});

test("a pod is not judged by what is not known", async () => {
  const settings = parseSettings(JSON.stringify(operatorConfig()));
  assert.ok("injection" in settings);
  const table = (fail: () => Promise<never>) =>
    webhooks({
      settings: settings.injection,
      newer: async () => [],
      attribution: ALONE,
      kinds: noKinds,
      namespaces: fail,
      writers: { writesOf: async () => undefined },
    });
  const unreachable = new KubeError({ status: 0, reason: "Unreachable", message: "connection refused" });
  for (const name of ["mutatePods", "validatePods"] as const) {
    const judged = (error: Error) =>
      table(async () => {
        throw error;
      })[name].judge(reviewOf({}), signal);
    await assert.rejects(judged(unreachable), ClusterUnavailable);
    // A bug is a bug.
    await assert.rejects(judged(new TypeError("x is undefined")), TypeError);
  }
});

test("each webhook is for what the chart registers it for, and for nothing else", () => {
  const settings = parseSettings(JSON.stringify(operatorConfig()));
  assert.ok("injection" in settings);
  const table = webhooks({
    settings: settings.injection,
    newer: async () => [],
    attribution: ALONE,
    kinds: noKinds,
    namespaces: async () => says("shop", {}, "force"),
    writers: { writesOf: async () => undefined },
  });
  const questions = {
    creation: reviewOf({}),
    change: reviewOf({ operation: "UPDATE" }),
    resize: reviewOf({ operation: "UPDATE", subResource: "resize" }),
    debugging: reviewOf({ operation: "UPDATE", subResource: "ephemeralcontainers" }),
    deletion: reviewOf({ operation: "DELETE" }),
    status: reviewOf({ operation: "UPDATE", subResource: "status" }),
    deployment: reviewOf({ resource: { group: "apps", version: "v1", resource: "deployments" } }),
    scale: reviewOf({
      resource: { group: "apps", version: "v1", resource: "deployments" },
      subResource: "scale",
      operation: "UPDATE",
    }),
    policy: reviewOf({ resource: kinds }),
    policyStatus: reviewOf({ resource: kinds, subResource: "status", operation: "UPDATE" }),
    foreignPods: reviewOf({ resource: { group: "metrics.k8s.io", version: "v1", resource: PODS.plural } }),
  } as const;
  const expected: Readonly<Record<WebhookName, readonly (keyof typeof questions)[]>> = {
    mutatePods: ["creation", "debugging"],
    validatePods: ["creation", "change", "resize", "debugging"],
    mutateWorkloads: ["deployment"],
    validateWorkloads: ["deployment"],
    validateKinds: ["policy"],
  };
  for (const name of Object.keys(WEBHOOK_PATHS) as WebhookName[]) {
    const found = Object.entries(questions).flatMap(([question, asked]) =>
      table[name].isFor(asked) ? [question] : [],
    );
    assert.deepEqual(found, expected[name], name);
  }
});
