/** Pods as people write them: what the webhook makes of them is let through, and nothing gets past it by what it says of itself. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CoreV1Api, RbacAuthorizationV1Api, type V1Pod } from "@kubernetes/client-node";
import { inject } from "#operator/admission/pod/inject.ts";
import { OPT_OUTS } from "#test/pods/opt-outs.ts";
import { NAMESPACES, shapeFiles } from "#test/pods/shapes.ts";
import { exampleOf } from "#test/pods/surroundings.ts";
import { GATEWAY_UID, stamped } from "../support/agents.ts";
import { atOnce } from "../support/at-once.ts";
import { type Guarded, refusalOf } from "../support/cluster.ts";
import { allowed, refusedBy } from "../support/verdicts.ts";
import { eventually } from "../support/wait.ts";
import { whole } from "../support/whole.ts";

const shapes = shapeFiles().flatMap((file) => file.shapes);

export function wildPods(guarded: () => Guarded): void {
  describe("a pod from the wild", () => {
    const namespaces = new Map<string, string>();
    before(async () => {
      const { api, core, enforced } = guarded();
      for (const [name, rootless] of Object.entries(NAMESPACES))
        namespaces.set(name, await enforced({ "sallyport.dev/rootless": rootless }));
      const accounts = new Set(shapes.map(({ pod }) => pod.spec?.serviceAccountName ?? "default"));
      accounts.delete("default");
      await atOnce(
        [...namespaces.values()].flatMap((namespace) => [...accounts].map((name) => ({ namespace, name }))),
        async ({ namespace, name }) => {
          await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name } } });
        },
      );
      const runtime = {
        apiVersion: "node.k8s.io/v1",
        kind: "RuntimeClass",
        metadata: { name: "gvisor" },
        handler: "runsc",
      };
      const { code, stderr } = await api.kubectl(["create", "-f", "-"], { stdin: JSON.stringify(runtime) });
      assert.equal(code, 0, stderr);
    });
    const create = (namespace: string, pod: V1Pod) => () => {
      const { namespace: _other, ...metadata } = pod.metadata ?? {};
      const body = { ...pod, metadata };
      return guarded().core.createNamespacedPod({
        namespace: namespaces.get(namespace) ?? "",
        body,
        dryRun: "All",
      });
    };

    test("is let through as the webhook makes it, and never as it came", async (t) => {
      const { injection, origin } = guarded();
      let count = 0;
      await atOnce(shapes, async ({ name, pod, facts }) => {
        assert.notEqual(await refusalOf(create(facts.namespace, pod)), undefined, `${name}, as it came`);
        const result = inject(pod, facts, injection, GATEWAY_UID);
        if (result.outcome === "refused") return;
        count += 1;
        assert.equal(await refusalOf(create(facts.namespace, stamped(result.pod, origin))), undefined, name);
      });
      t.diagnostic(`figure chart.wild-pods=${count}`);
      assert.ok(count >= 40);
    });

    test("has no way out by what it says of itself", async () => {
      await atOnce(OPT_OUTS, async ({ name, pod: text }) => {
        const refusal = await refusalOf(create("shop", exampleOf(text).pod));
        assert.match(
          refusal ?? "it was let through",
          /ValidatingAdmissionPolicy 'sallyport-|is invalid|mirror pod/,
          name,
        );
      });
    });
  });

  describe("a mirror pod", () => {
    const NODE = "node-2";
    const mirror = (uid: string): V1Pod => ({
      metadata: {
        name: "mirror",
        annotations: { "kubernetes.io/config.mirror": "1", "kubernetes.io/config.source": "file" },
        ownerReferences: [{ apiVersion: "v1", kind: "Node", name: NODE, uid, controller: true }],
      },
      spec: {
        nodeName: NODE,
        containers: [{ name: "app", image: "app" }],
        automountServiceAccountToken: false,
      },
    });
    test("is what a node makes of its own files, and nobody else's way in", async () => {
      const { api, core, enforced } = guarded();
      const namespace = await enforced();
      const node = await core.createNode({ body: { metadata: { name: NODE } } });
      const body = mirror(node.metadata?.uid ?? "");
      const by = (user: string, groups: readonly string[], pod: V1Pod) => () =>
        api
          .as(user, { groups })
          .makeApiClient(CoreV1Api)
          .createNamespacedPod({ namespace, body: pod, dryRun: "All" });
      await allowed(by(`system:node:${NODE}`, ["system:nodes"], body));
      const plain = { metadata: { name: "plain" }, spec: { containers: [{ name: "app", image: "app" }] } };
      const attempts = [
        by("eve", ["testers", "system:nodes"], body),
        by("eve", ["testers", "system:nodes"], plain),
        by("system:node:eve", ["testers"], body),
        by("eve", ["testers"], body),
      ];
      for (const attempt of attempts)
        await refusedBy("sallyport-pod-gateway", attempt, /must begin with gw-init/);
    });
  });

  describe("a service account that may write our kinds", () => {
    const rights = [
      { role: "Role", verb: "create", resource: "connections" },
      { role: "Role", verb: "patch", resource: "secretaccesspolicies" },
      { role: "ClusterRole", verb: "update", resource: "clustersecretaccesspolicies" },
      { role: "ClusterRole", verb: "create", resource: "identityproviders" },
    ] as const;
    for (const { role, verb, resource } of rights)
      test(`runs no pod: ${verb} ${resource}`, async () => {
        const { api, core, enforced } = guarded();
        const namespace = await enforced();
        const create = (account: string) => () => {
          const pod = whole(guarded(), `spec: { serviceAccountName: ${account} }`);
          return core.createNamespacedPod({ namespace, body: pod, dryRun: "All" });
        };
        await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: "writer" } } });
        await allowed(create("writer"));
        const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
        const name = `${namespace}-${verb}-${resource}`;
        const rules = [{ apiGroups: ["sallyport.dev"], resources: [resource], verbs: [verb] }];
        const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: role, name };
        const subjects = [{ kind: "ServiceAccount", name: "writer", namespace }];
        const metadata = { name };
        if (role === "Role") {
          await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
          await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
        } else {
          await rbac.createClusterRole({ body: { metadata, rules } });
          await rbac.createClusterRoleBinding({ body: { metadata, roleRef, subjects } });
        }
        // RBAC is read by the API server as it changes, a moment later.
        await eventually(
          async () => ((await refusalOf(create("writer"))) === undefined ? undefined : true),
          () => "the account may run pods although it may write our kinds",
        );
        await refusedBy(
          "sallyport-pod-account",
          create("writer"),
          new RegExp(`writer may ${verb} .*${resource}`),
        );
        await allowed(create("default"));
      });
  });
}
