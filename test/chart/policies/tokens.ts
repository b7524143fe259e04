/** Tokens: who may ask for which. T17, and what the broker may do with its own right. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CoreV1Api, type KubeConfig, RbacAuthorizationV1Api, type V1Pod } from "@kubernetes/client-node";
import { ownedObjects } from "#operator/reconcile/owned.ts";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import { type Guarded, refusalOf } from "../support/cluster.ts";
import { NAMESPACE } from "../support/helm.ts";
import { allowed, forbidden, refusedBy } from "../support/verdicts.ts";

const API_AUDIENCE = "https://kubernetes.default.svc.cluster.local";
const NODE = "node-1";

interface Ask {
  readonly namespace: string;
  readonly audiences?: readonly string[];
  readonly seconds?: number;
  readonly boundTo?: { readonly kind: string; readonly name: string; readonly uid?: string } | undefined;
}

function ask(
  config: KubeConfig,
  { namespace, audiences = [], seconds = 600, boundTo }: Ask,
): () => Promise<unknown> {
  const boundObjectRef = boundTo === undefined ? {} : { boundObjectRef: { apiVersion: "v1", ...boundTo } };
  const body = { spec: { audiences: [...audiences], expirationSeconds: seconds, ...boundObjectRef } };
  return () =>
    config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({ namespace, name: "default", body });
}

export function tokenPolicies(guarded: () => Guarded): void {
  let namespace = "";
  let pod: V1Pod;
  const boundTo = () => ({ kind: "Pod", name: pod.metadata?.name ?? "", uid: pod.metadata?.uid ?? "" });
  before(async () => {
    const { api, core, agent, enforced } = guarded();
    namespace = await enforced();
    const one = agent(namespace);
    await core.createNode({ body: { metadata: { name: NODE } } });
    pod = await core.createNamespacedPod({
      namespace,
      body: { ...one, spec: { ...one.spec, containers: one.spec?.containers ?? [], nodeName: NODE } },
    });
    const operator = await api.asServiceAccount(NAMESPACE, "sallyport-operator");
    for (const { object } of ownedObjects(
      namespace,
      { systemNamespace: NAMESPACE, networkPolicy: false },
      { authorityPem: undefined },
    )) {
      await operator
        .makeApiClient(RbacAuthorizationV1Api)
        .createNamespacedRoleBinding({ namespace, body: object as never });
    }
  });

  describe("tokens with an audience of ours", () => {
    test("a user is refused one, bound to the pod or not, and may have others", async () => {
      const alice = guarded().api.as("alice", { groups: ["testers"] });
      const audiences = [BROKER_AUDIENCE];
      await refusedBy("sallyport-token-audience", ask(alice, { namespace, audiences }), /only a kubelet/);
      await refusedBy(
        "sallyport-token-audience",
        ask(alice, { namespace, audiences, boundTo: boundTo() }),
        /only a kubelet/,
      );
      const several = ["vault.example", "sallyport.dev/other"];
      await refusedBy(
        "sallyport-token-audience",
        ask(alice, { namespace, audiences: several }),
        /only a kubelet/,
      );
      await allowed(ask(alice, { namespace, audiences: ["vault.example"] }));
    });
    test("in a namespace that is not enforced it is the same", async () => {
      const { api } = guarded();
      const other = await api.namespace();
      const alice = api.as("alice", { groups: ["testers"] });
      await refusedBy(
        "sallyport-token-audience",
        ask(alice, { namespace: other, audiences: [BROKER_AUDIENCE] }),
        /only a kubelet/,
      );
    });
    test("a pod that has no gateway has none in a volume", async () => {
      const { api, core } = guarded();
      const withToken = (audience: string) => ({
        metadata: { name: "asking" },
        spec: {
          containers: [{ name: "app", image: "app" }],
          volumes: [
            { name: "token", projected: { sources: [{ serviceAccountToken: { audience, path: "token" } }] } },
          ],
        },
      });
      const other = await api.namespace();
      const create = (where: string, audience: string) => () =>
        core.createNamespacedPod({ namespace: where, body: withToken(audience), dryRun: "All" });
      await refusedBy("sallyport-token-volumes", create(other, BROKER_AUDIENCE), /are for gateways/);
      await allowed(create(other, "vault.example"));
      // Where nothing is enforced by name, the label changes nothing.
      await core.createNamespacedServiceAccount({
        namespace: NAMESPACE,
        body: { metadata: { name: "default" } },
      });
      await refusedBy("sallyport-token-volumes", create(NAMESPACE, BROKER_AUDIENCE), /are for gateways/);
    });
    test("a kubelet has one for a pod of its own", async () => {
      const kubelet = guarded().api.as(`system:node:${NODE}`, { groups: ["system:nodes"] });
      await allowed(ask(kubelet, { namespace, audiences: [BROKER_AUDIENCE], boundTo: boundTo() }));
    });
    test("whoever only bears the group of nodes, or the name of one, is none", async () => {
      const request = { namespace, audiences: [BROKER_AUDIENCE], boundTo: boundTo() };
      for (const [user, groups] of [
        ["eve", ["testers", "system:nodes"]],
        ["system:node:eve", ["testers"]],
      ] as const)
        await refusedBy(
          "sallyport-token-audience",
          ask(guarded().api.as(user, { groups }), request),
          /only a kubelet/,
        );
    });
    test("a kubelet has none that is bound to nothing", async () => {
      const kubelet = guarded().api.as(`system:node:${NODE}`, { groups: ["system:nodes"] });
      const refusal = await refusalOf(ask(kubelet, { namespace, audiences: [BROKER_AUDIENCE] }));
      // NodeRestriction says it first, where it is on.
      assert.match(refusal ?? "it was let through", /not bound to a pod|is bound to a pod/);
    });
  });

  describe("the broker, with its own token", () => {
    let broker: KubeConfig;
    before(async () => {
      broker = await guarded().api.asServiceAccount(NAMESPACE, "sallyport-broker");
    });
    test("has a token for the API that is bound to a pod and soon over", async () => {
      await allowed(ask(broker, { namespace, boundTo: boundTo() }));
      await allowed(ask(broker, { namespace, audiences: [API_AUDIENCE], boundTo: boundTo() }));
    });
    test("has none that is bound to nothing, to something else or to a name alone", async () => {
      await refusedBy("sallyport-broker-tokens", ask(broker, { namespace }), /bound to a pod/);
      const { name } = boundTo();
      await refusedBy(
        "sallyport-broker-tokens",
        ask(broker, { namespace, boundTo: { kind: "Pod", name } }),
        /by name and uid/,
      );
      await refusedBy(
        "sallyport-broker-tokens",
        ask(broker, { namespace, boundTo: { kind: "Node", name: NODE } }),
        /bound to a pod/,
      );
    });
    test("has none that lasts", async () => {
      const request = ask(broker, { namespace, seconds: 3_600, boundTo: boundTo() });
      await refusedBy("sallyport-broker-tokens", request, /600 seconds/);
    });
    test("has none for anybody but the API server", async () => {
      for (const audience of ["sts.amazonaws.com", "vault.example"]) {
        const request = ask(broker, { namespace, audiences: [API_AUDIENCE, audience], boundTo: boundTo() });
        await refusedBy("sallyport-broker-tokens", request, /broker\.apiAudiences/);
      }
      const own = ask(broker, { namespace, audiences: [BROKER_AUDIENCE], boundTo: boundTo() });
      await refusedBy(["sallyport-token-audience", "sallyport-broker-tokens"], own, /audiences/);
    });
    test("reads a Secret by name, and lists none", async () => {
      const core = broker.makeApiClient(CoreV1Api);
      await guarded().core.createNamespacedSecret({ namespace, body: { metadata: { name: "orders" } } });
      await allowed(() => core.readNamespacedSecret({ namespace, name: "orders" }));
      await forbidden(() => core.listNamespacedSecret({ namespace }));
    });
    test("has nothing where the operator has bound nothing", async () => {
      const other = await guarded().api.namespace();
      await forbidden(ask(broker, { namespace: other, boundTo: boundTo() }));
      const core = broker.makeApiClient(CoreV1Api);
      await forbidden(() => core.readNamespacedSecret({ namespace: other, name: "orders" }));
    });
  });
}
