/** What an enforced namespace gets and says, on the real API server. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AUTHORITY_CONFIG_MAP, PORTS } from "#operator/names.ts";
import {
  CONFIG_MAPS,
  type KubeObject,
  NAMESPACES,
  NETWORK_POLICIES,
  type Resource,
  ROLE_BINDINGS,
} from "#operator/kube/resource.ts";
import { conditionsOf, type WrittenCondition } from "#operator/reconcile/status.ts";
import { eventually } from "../../chart/support/wait.ts";
import { type Operating, operate } from "./operating.ts";
import { type Live, relabel, succeed } from "./server.ts";

const SYSTEM = "sallyport-system";
const ENFORCE = "sallyport.dev/enforce";
const ENFORCED = { [ENFORCE]: "" };
const CONDITION = "sallyport.dev/Enforced";
const SECRETS = "sallyport-broker-secrets";
const OWNED = [
  [ROLE_BINDINGS, SECRETS],
  [ROLE_BINDINGS, "sallyport-broker-tokens"],
  [NETWORK_POLICIES, "sallyport-agents"],
] as const;

export function namespaceSuite(live: () => Live): void {
  let operating: Operating | undefined;
  before(() => {
    operating = operate(live().operator);
  });
  after(async () => {
    await operating?.[Symbol.asyncDispose]();
    assert.deepEqual(operating?.failures, []);
  });
  const signal = AbortSignal.timeout(300_000);
  const get = (resource: Resource, namespace: string, name: string): Promise<KubeObject | undefined> =>
    live().kube.get(resource, `${namespace}/${name}`, { signal });

  async function owned(namespace: string): Promise<readonly KubeObject[]> {
    const found = await Promise.all(OWNED.map(([resource, name]) => get(resource, namespace, name)));
    return found.filter((object) => object !== undefined);
  }

  async function says(namespace: string, wanted: string | undefined): Promise<WrittenCondition | undefined> {
    let last: string | undefined;
    const found = await eventually(
      async () => {
        const object = await live().kube.get(NAMESPACES, namespace, { signal });
        const condition = conditionsOf(object?.status).get(CONDITION);
        last = condition === undefined ? undefined : `${condition.status} ${condition.reason}`;
        return last === wanted ? { condition } : undefined;
      },
      () => `${namespace} says ${last}`,
    );
    return found.condition;
  }

  async function has(namespace: string, count: number): Promise<void> {
    await eventually(
      async () => ((await owned(namespace)).length === count ? true : undefined),
      () => `${namespace} does not hold ${count} objects of ours`,
    );
  }

  test("what the broker publishes is copied into each enforced namespace, mended there, and goes with the label", async () => {
    const { api, kube } = live();
    const { name, member } = AUTHORITY_CONFIG_MAP;
    const namespace = await api.namespace(ENFORCED);
    const other = await api.namespace();
    await has(namespace, 3);
    const publish = (pem: string): Promise<unknown> =>
      kube.apply(CONFIG_MAPS, { metadata: { name, namespace: SYSTEM }, data: { [member]: pem } }, { signal });
    const copied = (wanted: string | undefined): Promise<unknown> =>
      eventually(
        async () => {
          const found = await kube.get(CONFIG_MAPS, `${namespace}/${name}`, { signal });
          return found?.data?.[member] === wanted ? true : undefined;
        },
        () => `${namespace} does not hold ${wanted}`,
      );
    await publish("one");
    await copied("one");
    await publish("two");
    await copied("two");
    await kube.apply(
      CONFIG_MAPS,
      { metadata: { name, namespace }, data: { [member]: "an attacker's" } },
      { signal, force: true },
    );
    await copied("two");
    await kube.delete(CONFIG_MAPS, `${namespace}/${name}`, { signal });
    await copied("two");
    await kube.delete(CONFIG_MAPS, `${SYSTEM}/${name}`, { signal });
    assert.equal(await kube.get(CONFIG_MAPS, `${other}/${name}`, { signal }), undefined);
    await relabel(live(), namespace, ENFORCE, undefined);
    await copied(undefined);
  });

  test("with the label come the broker's rights, a NetworkPolicy and a condition; without it they go", async () => {
    const { api } = live();
    const namespace = await api.namespace(ENFORCED);
    await says(namespace, "True GatewayInjected");
    await has(namespace, 3);
    const [secrets, tokens, network] = await owned(namespace);
    for (const binding of [secrets, tokens]) {
      const name = binding?.metadata.name;
      assert.partialDeepStrictEqual(binding, {
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
        subjects: [{ kind: "ServiceAccount", name: "sallyport-broker", namespace: "sallyport-system" }],
      });
    }
    assert.partialDeepStrictEqual(network, { spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } });
    assert.match(JSON.stringify(network), /"except":\["169.254.0.0\/16"\]/);
    await relabel(live(), namespace, ENFORCE, undefined);
    await says(namespace, undefined);
    await has(namespace, 0);
  });

  test("a namespace without the label gets and says nothing", async () => {
    const { api } = live();
    const [plain, labelled] = [await api.namespace({ tier: "web" }), await api.namespace(ENFORCED)];
    await says(labelled, "True GatewayInjected");
    await has(labelled, 3);
    assert.equal(await says(plain, undefined), undefined);
    assert.deepEqual(await owned(plain), []);
  });

  test("what is taken away or changed is put right, and nothing is written when all is well", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace(ENFORCED);
    await says(namespace, "True GatewayInjected");
    await has(namespace, 3);
    const written = (): number | undefined => operating?.writesTo(`${namespace}/${SECRETS}`);
    const before = written();
    const owner = [
      { op: "add", path: "/metadata/annotations", value: { "example.com/owner": "ada" } },
    ] as const;
    await kube.patch(NAMESPACES, namespace, owner, { signal });
    assert.ok(await kube.delete(NETWORK_POLICIES, `${namespace}/sallyport-agents`, { signal }));
    await has(namespace, 3);
    assert.equal(written(), before);
    // Open to all, the policy would be none; with another subject, the broker's right would be somebody else's.
    const open = [{ op: "replace", path: "/spec/egress", value: [{}] }] as const;
    await kube.patch(NETWORK_POLICIES, `${namespace}/sallyport-agents`, open, { signal });
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }];
    const stolen = [{ op: "replace", path: "/subjects", value: subjects }] as const;
    await kube.patch(ROLE_BINDINGS, `${namespace}/${SECRETS}`, stolen, { signal });
    await eventually(
      async () => {
        const text = JSON.stringify(await owned(namespace));
        return !text.includes("mallory") && text.split("169.254").length === 2 ? true : undefined;
      },
      () => "what was changed was not put right",
    );
  });

  for (const label of ["app.kubernetes.io/managed-by=sallyport-operator", "example.com/mine=yes"])
    test(`a binding of our name to another role, labelled ${label}, is replaced`, () => replaces(label));

  async function replaces(label: string): Promise<void> {
    const { api, kube } = live();
    const namespace = await api.namespace();
    const [key = "", value = ""] = label.split("=");
    await kube.create(
      ROLE_BINDINGS,
      {
        metadata: { namespace, name: SECRETS, labels: { [key]: value } },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
        subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "mallory" }],
      },
      { signal },
    );
    await relabel(live(), namespace, ENFORCE, "");
    await eventually(
      async () => {
        const text = JSON.stringify(await get(ROLE_BINDINGS, namespace, SECRETS));
        return text?.includes(`"name":"${SECRETS}"}`) && !text.includes("mallory") ? true : undefined;
      },
      () => "the binding still names another role",
    );
  }

  for (const level of ["baseline", "restricted", "mistyped"]) {
    test(`Pod Security level ${level} cannot take gw-init: the namespace and an event name the remedy, which helps`, async () => {
      const { api } = live();
      const label = `pod-security.kubernetes.io/enforce=${level}`;
      const namespace = await api.namespace(ENFORCED);
      const labelled = await api.kubectl(["label", "namespace", namespace, label]);
      // The API server refuses a level that it does not know.
      if (level === "mistyped") return assert.equal(labelled.code, 1);
      const condition = await says(namespace, "False PodSecurityForbidsGateway");
      const remedy = `kubectl label namespace ${namespace} --overwrite pod-security.kubernetes.io/enforce=privileged`;
      assert.ok(condition?.message.endsWith(`Run: ${remedy}`), condition?.message);
      await operating?.events.settled();
      const told = await succeed(api, ["get", "events", "--namespace=default", "--output=json"]);
      assert.ok(told.includes(remedy));
      await succeed(api, remedy.split(" ").slice(1));
      await says(namespace, "True GatewayInjected");
    });
  }

  test("a level that lets everything in is no obstacle", async () => {
    const { api } = live();
    const namespace = await api.namespace({
      ...ENFORCED,
      "pod-security.kubernetes.io/enforce": "privileged",
    });
    await says(namespace, "True GatewayInjected");
  });

  test("a value of rootless that is not known is told", async () => {
    const { api } = live();
    const namespace = await api.namespace({ ...ENFORCED, "sallyport.dev/rootless": "rootnocaps" });
    const condition = await says(namespace, "False RootlessUnknown");
    assert.match(condition?.message ?? "", /"rootnocaps"; set it to one of deny, force, rootNoCaps/);
    await relabel(live(), namespace, "sallyport.dev/rootless", "rootNoCaps");
    await says(namespace, "True GatewayInjected");
  });

  test("the cluster's own namespace says that the label means nothing there, and gets nothing", async () => {
    await relabel(live(), "kube-system", ENFORCE, "");
    await says("kube-system", "False NamespaceExcluded");
    assert.deepEqual(await owned("kube-system"), []);
    await relabel(live(), "kube-system", ENFORCE, undefined);
    await says("kube-system", undefined);
  });

  test("with the value networkPolicy.enabled off there is none, and one that was there goes", async () => {
    const { api } = live();
    const namespace = await api.namespace(ENFORCED);
    await has(namespace, 3);
    await operating?.[Symbol.asyncDispose]();
    operating = operate(live().operator, { networkPolicy: false });
    await has(namespace, 2);
    assert.equal(await get(NETWORK_POLICIES, namespace, "sallyport-agents"), undefined);
  });

  test("whoever may read metrics comes in for them and for nothing else, and it is written once", async () => {
    const { api } = live();
    const namespace = await api.namespace(ENFORCED);
    await operating?.[Symbol.asyncDispose]();
    const metricsFrom = { "kubernetes.io/metadata.name": "monitoring" };
    operating = operate(live().operator, { networkPolicy: true, metricsFrom });
    await has(namespace, 3);
    const name = "sallyport-agents";
    const policy = await live().kube.get(NETWORK_POLICIES, `${namespace}/${name}`, { signal });
    assert.deepEqual(policy?.spec?.ingress, [
      {
        ports: [{ protocol: "TCP", port: PORTS.health }],
        from: [{ namespaceSelector: { matchLabels: metricsFrom } }],
      },
    ]);
    assert.equal(operating.writesTo(`${namespace}/${name}`), 1);
  });
}
