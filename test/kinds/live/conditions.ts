/** What the controllers say of our kinds in their statuses, on the real API server and without any webhook. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import {
  CONNECTIONS,
  GUARDRAILS,
  IDENTITY_PROVIDERS,
  type OwnKind,
  POLICIES,
  type Resource,
} from "#operator/kube/resource.ts";
import { conditionsOf, type WrittenCondition } from "#operator/reconcile/status.ts";
import { eventually } from "../../chart/support/wait.ts";
import { type Operating, operate } from "./operating.ts";
import { API_VERSION, connectionObject, policyObject, tcpObject } from "./objects.ts";
import { type Live, relabel, succeed } from "./server.ts";

export function conditionSuite(live: () => Live): void {
  let operating: Operating | undefined;
  before(() => {
    operating = operate(live().operator);
  });
  after(async () => {
    await operating?.[Symbol.asyncDispose]();
    assert.deepEqual(operating?.failures, []);
  });
  const signal = AbortSignal.timeout(300_000);
  const create = (resource: Resource<OwnKind>, object: OwnKind): Promise<OwnKind> =>
    live().kube.create<OwnKind>(resource, object, { signal });
  const patch = (resource: Resource<OwnKind>, key: string, path: string, value: unknown): Promise<OwnKind> =>
    live().kube.patch<OwnKind>(resource, key, [{ op: "add", path, value }], { signal });

  /** Waits until the status speaks of the object as it is, and of each type as given. */
  async function settles(
    resource: Resource<OwnKind>,
    key: string,
    wanted: Readonly<Record<string, string>>,
  ): Promise<ReadonlyMap<string, WrittenCondition>> {
    let last = "nothing";
    return eventually(
      async () => {
        const object = await live().kube.get<OwnKind>(resource, key, { signal });
        const conditions = conditionsOf(object?.status);
        last = JSON.stringify([...conditions.values()]);
        const isThere = Object.entries(wanted).every(([type, text]) => {
          const { status, reason, observedGeneration } = conditions.get(type) ?? {};
          return `${status} ${reason}` === text && observedGeneration === object?.metadata.generation;
        });
        return isThere ? conditions : undefined;
      },
      () => `${key} says ${last}`,
    );
  }

  test("a Connection without credential becomes Ready, and kubectl wait sees it", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    await create(CONNECTIONS, tcpObject(namespace, "search"));
    const args = [
      "wait",
      "connection/search",
      "--for=condition=Ready",
      "--timeout=20s",
      "--namespace",
      namespace,
    ];
    assert.match(await succeed(api, args), /condition met/);
    await settles(CONNECTIONS, `${namespace}/search`, {
      Accepted: "True Valid",
      CredentialAvailable: "True NotNeeded",
      Selected: "False NoPolicySelects",
      Ready: "True AllHold",
    });
    const shown = await succeed(api, ["get", "conn", "--namespace", namespace]);
    assert.match(shown, /search .* none +True +AllHold/);
  });

  test("one with a credential is not Ready before the broker has said that there is one", async () => {
    const { api } = live();
    const namespace = await api.namespace({ "sallyport.dev/enforce": "" });
    await create(CONNECTIONS, connectionObject(namespace, "orders"));
    const conditions = await settles(CONNECTIONS, `${namespace}/orders`, {
      Accepted: "True Valid",
      CredentialAvailable: "Unknown BrokerNotConnected",
      Ready: "Unknown CredentialUnknown",
    });
    assert.match(conditions.get("Ready")?.message ?? "", /CredentialAvailable: .*broker/);
  });

  test("where the broker may read no Secret the Connection says so, until the namespace has its label", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    await create(CONNECTIONS, connectionObject(namespace, "orders"));
    await settles(CONNECTIONS, `${namespace}/orders`, {
      CredentialAvailable: "False NamespaceNotEnforced",
      Ready: "False CredentialUnavailable",
    });
    await relabel(live(), namespace, "sallyport.dev/enforce", "");
    await settles(CONNECTIONS, `${namespace}/orders`, { CredentialAvailable: "Unknown BrokerNotConnected" });
  });

  test("a policy and its Connection name each other, and follow when either changes", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    await create(POLICIES, policyObject(namespace, "readers"));
    await settles(POLICIES, `${namespace}/readers`, {
      Accepted: "True Valid",
      Selecting: "False NoConnection",
      Enforced: "Unknown BrokerNotConnected",
      Ready: "Unknown EnforcementUnknown",
    });
    await create(CONNECTIONS, connectionObject(namespace, "orders"));
    const policy = await settles(POLICIES, `${namespace}/readers`, { Selecting: "True ConnectionsSelected" });
    assert.equal(policy.get("Selecting")?.message, `1 Connection: ${namespace}/orders`);
    const connection = await settles(CONNECTIONS, `${namespace}/orders`, { Selected: "True PoliciesSelect" });
    const message = `1 policy speaks of it: SecretAccessPolicy ${namespace}/readers`;
    assert.equal(connection.get("Selected")?.message, message);
    await live().kube.delete(POLICIES, `${namespace}/readers`, { signal });
    await settles(CONNECTIONS, `${namespace}/orders`, { Selected: "False NoPolicySelects" });
  });

  test("a policy that got in although it does not compile opens nothing, closes what it selects, and says so", async () => {
    const { api } = live();
    const namespace = await api.namespace({ "sallyport.dev/enforce": "" });
    await create(CONNECTIONS, connectionObject(namespace, "orders"));
    // The schema takes it; what it says cannot be, which the webhook would have refused.
    const tcp = { allow: [{ name: "all", tcp: {} }] };
    await create(POLICIES, policyObject(namespace, "wrong", tcp));
    const policy = await settles(POLICIES, `${namespace}/wrong`, {
      Accepted: "False Invalid",
      Enforced: "Unknown NotLookedAt",
      Ready: "False NotAccepted",
    });
    const message = "spec.allow[0].tcp: this rule is about tcp, but the policy's connections speak postgres";
    assert.equal(policy.get("Accepted")?.message, message);
    assert.match(policy.get("Selecting")?.message ?? "", /^closes 1 Connection/);
    const closed = await settles(CONNECTIONS, `${namespace}/orders`, {
      Selected: "False ClosedByBrokenPolicy",
      Ready: "False ClosedByPolicy",
    });
    assert.match(closed.get("Selected")?.message ?? "", /SecretAccessPolicy .*\/wrong/);
    await operating?.events.settled();
    const told = await succeed(api, ["events", "--namespace", namespace, "--for=secretaccesspolicy/wrong"]);
    assert.match(told, /Warning +Invalid/);
    // Mended, it is open again, and people are told.
    await patch(POLICIES, `${namespace}/wrong`, "/spec/allow", [
      { name: "all", postgres: { preset: "readOnly" } },
    ]);
    await settles(POLICIES, `${namespace}/wrong`, { Accepted: "True Valid" });
    await settles(CONNECTIONS, `${namespace}/orders`, { Selected: "True PoliciesSelect" });
    await operating?.events.settled();
    const mended = await succeed(api, ["events", "--namespace", namespace, "--for=secretaccesspolicy/wrong"]);
    assert.match(mended, /Normal +Valid/);
  });

  test("a bad edit leaves the last good version in force, and names its generation", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    await create(CONNECTIONS, connectionObject(namespace, "orders"));
    await create(POLICIES, policyObject(namespace, "edited"));
    await settles(POLICIES, `${namespace}/edited`, { Accepted: "True Valid" });
    await patch(POLICIES, `${namespace}/edited`, "/spec/deny", [{ name: "tcp-too", tcp: {} }]);
    const conditions = await settles(POLICIES, `${namespace}/edited`, {
      Accepted: "False InvalidLastGoodKept",
    });
    assert.match(
      conditions.get("Accepted")?.message ?? "",
      /spec\.deny\[0\]\.tcp: .* Generation 1 stays in force\.$/,
    );
    await settles(CONNECTIONS, `${namespace}/orders`, { Selected: "True PoliciesSelect" });
  });

  test("a Connection that got in with a file of the broker's host counts as absent", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    const credential = { mode: "static", source: { file: { path: "/var/run/secrets/token" } } };
    await create(CONNECTIONS, connectionObject(namespace, "host", { credential }));
    const conditions = await settles(CONNECTIONS, `${namespace}/host`, {
      Accepted: "False Invalid",
      CredentialAvailable: "Unknown NotLookedAt",
      Ready: "False NotAccepted",
    });
    assert.match(conditions.get("Accepted")?.message ?? "", /^spec\.credential\.source\.file: in a cluster/);
  });

  test("a policy that ends says so at that moment, without anybody touching it", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    await create(POLICIES, policyObject(namespace, "short"));
    await settles(POLICIES, `${namespace}/short`, { Ready: "Unknown EnforcementUnknown" });
    const expires = new Date(Date.now() + 1_500).toISOString();
    await patch(POLICIES, `${namespace}/short`, "/spec/expires", expires);
    await settles(POLICIES, `${namespace}/short`, { Accepted: "True Valid", Ready: "False Expired" });
  });

  test("guardrails and identity providers have conditions of their own", async () => {
    const { api } = live();
    const name = await api.namespace();
    const object = (kind: string, spec: object): OwnKind => ({
      apiVersion: API_VERSION,
      kind,
      metadata: { name },
      spec,
    });
    await create(
      GUARDRAILS,
      object("ClusterSecretAccessPolicy", { connections: { namespaces: [name] }, limits: { rows: 1 } }),
    );
    await create(
      IDENTITY_PROVIDERS,
      object("IdentityProvider", { issuer: "https://idp.test", audiences: ["a"] }),
    );
    await settles(GUARDRAILS, name, { Accepted: "True Valid", Selecting: "False NoConnection" });
    await settles(IDENTITY_PROVIDERS, name, {
      Accepted: "True Valid",
      KeysAvailable: "Unknown BrokerNotConnected",
      Ready: "Unknown KeysUnknown",
    });
  });

  test("statuses are written once, and put right again when somebody else writes into them", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace();
    const key = `${namespace}/still`;
    await create(CONNECTIONS, tcpObject(namespace, "still"));
    const first = await settles(CONNECTIONS, key, { Ready: "True AllHold" });
    const before = operating?.writesTo(key) ?? 0;
    // Neither other people's annotations nor our own write lead to another.
    await patch(CONNECTIONS, key, "/metadata/annotations", { "example.com/a": "b" });
    await create(CONNECTIONS, tcpObject(namespace, "later"));
    await settles(CONNECTIONS, `${namespace}/later`, { Ready: "True AllHold" });
    assert.equal(operating?.writesTo(key), before);
    const forged = [{ ...first.get("Ready"), status: "False", reason: "Forged" }];
    const forging = [{ op: "replace", path: "/status/conditions", value: forged }] as const;
    await kube.patch(CONNECTIONS, key, forging, { signal, subresource: "status" });
    const again = await settles(CONNECTIONS, key, { Accepted: "True Valid", Ready: "True AllHold" });
    assert.equal(again.size, 4);
  });
}
