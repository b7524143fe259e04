/** What operator and broker can and cannot do with rights that RBAC cannot narrow. */
import { before, describe, test } from "node:test";
import {
  CoordinationV1Api,
  CoreV1Api,
  type KubeConfig,
  RbacAuthorizationV1Api,
  type RbacV1Subject,
  type V1ObjectMeta,
} from "@kubernetes/client-node";
import type { Guarded } from "../support/cluster.ts";
import { NAMESPACE } from "../support/helm.ts";
import { allowed, forbidden, refusedBy } from "../support/verdicts.ts";

const BROKER: RbacV1Subject = { kind: "ServiceAccount", name: "sallyport-broker", namespace: NAMESPACE };
const ROLE = "sallyport-broker-secrets";

export function ownObjects(guarded: () => Guarded): void {
  describe("what operator and broker write beside each other", () => {
    let broker: KubeConfig;
    let operator: KubeConfig;
    before(async () => {
      broker = await guarded().api.asServiceAccount(NAMESPACE, "sallyport-broker");
      operator = await guarded().api.asServiceAccount(NAMESPACE, "sallyport-operator");
    });
    const policy = "sallyport-own-objects";
    const lease = (as: KubeConfig, name: string, record?: string) => () =>
      as.makeApiClient(CoordinationV1Api).createNamespacedLease({
        namespace: NAMESPACE,
        body: {
          metadata: { name, ...(record === undefined ? {} : { labels: { "sallyport.dev/record": record } }) },
          spec: { holderIdentity: "me" },
        },
        dryRun: "All",
      });
    const secret = (as: KubeConfig, metadata: V1ObjectMeta, type?: string) => () =>
      as.makeApiClient(CoreV1Api).createNamespacedSecret({
        namespace: NAMESPACE,
        body: { metadata, ...(type === undefined ? {} : { type, data: PAIR }) },
        dryRun: "All",
      });

    test("are Leases under names of its own, each of its kind", async () => {
      for (const [name, record] of [
        ["pod-0b5c", "pin"],
        ["made-0b5c", "made"],
        ["report-0b5c", "report"],
      ] as const) {
        await allowed(lease(broker, name, record));
        await refusedBy(policy, lease(operator, name, record), /the operator's is sallyport-operator/);
        await refusedBy(policy, lease(broker, name), /each with its label/);
      }
      await refusedBy(policy, lease(broker, "made-0b5c", "pin"), /each with its label/);
      await refusedBy(policy, lease(broker, "other", "other"), /each with its label/);
      await allowed(lease(guarded().api.config, "anything"));
    });

    test("so the broker neither takes the operator's lead, nor ends it", async () => {
      await allowed(lease(operator, "sallyport-operator"));
      await refusedBy(policy, lease(broker, "sallyport-operator", "made"), /made-…/);
      const name = "sallyport-operator";
      const leases = operator.makeApiClient(CoordinationV1Api);
      const there = await leases.createNamespacedLease({
        namespace: NAMESPACE,
        body: { metadata: { name }, spec: { holderIdentity: "leader" } },
      });
      const brokers = broker.makeApiClient(CoordinationV1Api);
      const mine = { ...there, spec: { holderIdentity: "the broker" } };
      const take = () => brokers.replaceNamespacedLease({ namespace: NAMESPACE, name, body: mine });
      await refusedBy(policy, take, /made-…/);
      await refusedBy(policy, () => brokers.deleteNamespacedLease({ namespace: NAMESPACE, name }), /made-…/);
      const stays = { ...there, spec: { holderIdentity: "another leader" } };
      await allowed(() => leases.replaceNamespacedLease({ namespace: NAMESPACE, name, body: stays }));
      const admin = guarded().api.config.makeApiClient(CoordinationV1Api);
      await admin.deleteNamespacedLease({ namespace: NAMESPACE, name });
    });

    test("are Secrets under names of its own, which nobody else fills", async () => {
      for (const [as, name, other] of [
        [broker, "sallyport-broker-kek", "sallyport-webhook-ca"],
        [operator, "sallyport-webhook-ca", "sallyport-broker-kek"],
      ] as const) {
        await allowed(secret(as, { name }));
        await refusedBy(policy, secret(as, { name: other }), /the operator's is sallyport-webhook-ca/);
        await refusedBy(policy, secret(as, { name: "loot" }), /the operator's is sallyport-webhook-ca/);
        const annotations = { "kubernetes.io/service-account.name": "sallyport-operator" };
        const token = secret(as, { name, annotations }, "kubernetes.io/service-account-token");
        await refusedBy(policy, token, /are Opaque/);
        // As the operator's own is.
        await allowed(secret(as, { name }, "kubernetes.io/tls"));
      }
    });
  });
}

/** What a Secret of certificates has to have. */
const PAIR = { "tls.crt": "", "tls.key": "" };

export function operatorRights(guarded: () => Guarded): void {
  describe("the operator, with its own token", () => {
    let operator: KubeConfig;
    let enforced = "";
    before(async () => {
      operator = await guarded().api.asServiceAccount(NAMESPACE, "sallyport-operator");
      enforced = await guarded().enforced();
    });
    const bind =
      (namespace: string, role: string, subjects: RbacV1Subject[], name = role) =>
      () =>
        operator.makeApiClient(RbacAuthorizationV1Api).createNamespacedRoleBinding({
          namespace,
          body: {
            metadata: { name },
            roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
            subjects,
          },
          dryRun: "All",
        });

    test("gives the broker its roles in a namespace that is enforced, and nowhere else", async () => {
      await allowed(bind(enforced, ROLE, [BROKER]));
      const other = await guarded().api.namespace();
      await refusedBy("sallyport-operator-bindings", bind(other, ROLE, [BROKER]), /bear the label/);
    });
    test("gives them to nobody else", async () => {
      const mine: RbacV1Subject = { kind: "ServiceAccount", name: "default", namespace: enforced };
      await refusedBy("sallyport-operator-bindings", bind(enforced, ROLE, [mine]), /broker alone/);
      await refusedBy("sallyport-operator-bindings", bind(enforced, ROLE, [BROKER, mine]), /broker alone/);
      const everyone: RbacV1Subject = { kind: "Group", name: "system:authenticated" };
      await refusedBy("sallyport-operator-bindings", bind(enforced, ROLE, [everyone]), /broker alone/);
    });
    test("binds no other role, nor these under another name", async () => {
      await forbidden(bind(enforced, "cluster-admin", [BROKER]));
      await refusedBy("sallyport-operator-bindings", bind(enforced, ROLE, [BROKER], "mine"), /its own name/);
    });
    test("says whom gateways trust in namespaces of agents, and writes no other ConfigMap; nobody else does", async () => {
      const { api } = guarded();
      const write = (as: KubeConfig, namespace: string, name: string) => () =>
        as
          .makeApiClient(CoreV1Api)
          .createNamespacedConfigMap({ namespace, body: { metadata: { name } }, dryRun: "All" });
      const broker = await api.asServiceAccount(NAMESPACE, "sallyport-broker");
      const trust = "sallyport-authority";
      await allowed(write(operator, enforced, trust));
      await allowed(write(broker, NAMESPACE, trust));
      await allowed(write(api.config, enforced, "mine"));
      const policy = "sallyport-authority";
      await refusedBy(policy, write(api.config, enforced, trust), /whom gateways trust/);
      await refusedBy(policy, write(operator, NAMESPACE, trust), /whom gateways trust/);
      await refusedBy(policy, write(operator, enforced, "mine"), /no other/);
      await refusedBy(policy, write(broker, NAMESPACE, "mine"), /no other/);
      const core = operator.makeApiClient(CoreV1Api);
      await core.createNamespacedConfigMap({ namespace: enforced, body: { metadata: { name: trust } } });
      const change = (as: KubeConfig) => () =>
        as.makeApiClient(CoreV1Api).patchNamespacedConfigMap({
          namespace: enforced,
          name: trust,
          body: [{ op: "add", path: "/data", value: { "ca.pem": "mine" } }],
        });
      await refusedBy(policy, change(api.config), /whom gateways trust/);
      await allowed(change(operator));
      const remove = (as: KubeConfig) => () =>
        as.makeApiClient(CoreV1Api).deleteNamespacedConfigMap({ namespace: enforced, name: trust });
      await refusedBy(policy, remove(api.config), /whom gateways trust/);
      await allowed(remove(operator));
    });
    test("reads no Secret but that of its own authority", async () => {
      const core = operator.makeApiClient(CoreV1Api);
      await allowed(() =>
        core.createNamespacedSecret({
          namespace: NAMESPACE,
          body: { metadata: { name: "sallyport-webhook-ca" } },
        }),
      );
      await allowed(() => core.readNamespacedSecret({ namespace: NAMESPACE, name: "sallyport-webhook-ca" }));
      await forbidden(() => core.readNamespacedSecret({ namespace: NAMESPACE, name: "another" }));
      await forbidden(() => core.listNamespacedSecret({ namespace: NAMESPACE }));
      await forbidden(() => core.readNamespacedSecret({ namespace: enforced, name: "orders" }));
    });
  });
}
