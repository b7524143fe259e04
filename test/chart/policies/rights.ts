/** What the operator can and cannot do with its right to bind. */
import { before, describe, test } from "node:test";
import {
  CoreV1Api,
  type KubeConfig,
  RbacAuthorizationV1Api,
  type RbacV1Subject,
} from "@kubernetes/client-node";
import type { Guarded } from "../support/cluster.ts";
import { NAMESPACE } from "../support/helm.ts";
import { allowed, forbidden, refusedBy } from "../support/verdicts.ts";

const BROKER: RbacV1Subject = { kind: "ServiceAccount", name: "sallyport-broker", namespace: NAMESPACE };
const ROLE = "sallyport-broker-secrets";

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
