/** T49: a service account that may write our kinds could grant the agents that run as it whatever it wants. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type WriterFacts, writerFacts } from "#operator/admission/facts/writers.ts";
import type { Clock } from "#operator/kube/clock.ts";
import { openKube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { POLICIES, ROLE_BINDINGS, ROLES } from "#operator/kube/resource.ts";
import { policyObject } from "./objects.ts";
import { type Live, applyAll } from "./server.ts";

const WRITERS = [
  ["create", "secretaccesspolicies", "create secretaccesspolicies.sallyport.dev in namespace NS"],
  ["update", "connections", "update connections.sallyport.dev in namespace NS"],
  ["patch", "connections", "patch connections.sallyport.dev in namespace NS"],
  ["delete", "secretaccesspolicies", "delete secretaccesspolicies.sallyport.dev in namespace NS"],
  ["deletecollection", "connections", "deletecollection connections.sallyport.dev in namespace NS"],
  ["*", "*", "create secretaccesspolicies.sallyport.dev in namespace NS"],
] as const;

export function writersSuite(live: () => Live): void {
  const signal = AbortSignal.timeout(300_000);
  const facts = (others: readonly string[] = [], clock?: Clock): WriterFacts => {
    const { kube } = live();
    return writerFacts({ kube, namespaces: () => others, signal, ...(clock === undefined ? {} : { clock }) });
  };
  const call = { signal };
  const bind = async (namespace: string, verb: string, resource: string, account: string): Promise<void> => {
    const { kube } = live();
    const [home = "", name = ""] = account.split(":");
    const metadata = { namespace, name: `${name}-writes` };
    const rules = [{ apiGroups: ["sallyport.dev"], resources: [resource], verbs: verb.split(",") }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name };
    const subjects = [{ kind: "ServiceAccount", namespace: home, name }];
    await kube.create(ROLES, { metadata, rules }, call);
    await kube.create(ROLE_BINDINGS, { metadata, roleRef, subjects }, call);
  };

  test("T49: every right to write our kinds is found, and reading them is none", async () => {
    const namespace = await live().api.namespace();
    const asked = facts();
    await Promise.all(
      WRITERS.map(async ([verb, resource], at) => {
        await bind(namespace, verb, resource, `${namespace}:writer-${at}`);
      }),
    );
    await bind(namespace, "get,list,watch", "secretaccesspolicies", `${namespace}:reader`);
    for (const [at, [, , what]] of WRITERS.entries()) {
      const found = await asked.writesOf({ namespace, name: `writer-${at}` }, signal);
      assert.equal(found, what.replace("NS", namespace));
    }
    assert.equal(await asked.writesOf({ namespace, name: "reader" }, signal), undefined);
    assert.equal(await asked.writesOf({ namespace, name: "default" }, signal), undefined);
  });

  test("T49: rights on the cluster's kinds, on all namespaces, and to become somebody else are found", async () => {
    const { api } = live();
    const namespace = await api.namespace();
    const rights = [
      [
        "guards",
        "create",
        "clustersecretaccesspolicies.sallyport.dev",
        "create clustersecretaccesspolicies.sallyport.dev",
      ],
      ["believes", "create", "identityproviders.sallyport.dev", "create identityproviders.sallyport.dev"],
      [
        "everywhere",
        "create",
        "connections.sallyport.dev",
        "create connections.sallyport.dev in every namespace",
      ],
      ["becomes", "impersonate", "serviceaccounts", "impersonate serviceaccounts"],
      [
        "gives",
        "escalate",
        "clusterroles.rbac.authorization.k8s.io",
        "escalate clusterroles.rbac.authorization.k8s.io",
      ],
    ] as const;
    const apiVersion = "rbac.authorization.k8s.io/v1";
    const items = rights.flatMap(([name, verb, qualified]) => {
      const [resource = "", ...group] = qualified.split(".");
      const metadata = { name: `${namespace}-${name}` };
      const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: metadata.name };
      return [
        {
          apiVersion,
          kind: "ClusterRole",
          metadata,
          rules: [{ apiGroups: [group.join(".")], resources: [resource], verbs: [verb] }],
        },
        {
          apiVersion,
          kind: "ClusterRoleBinding",
          metadata,
          roleRef,
          subjects: [{ kind: "ServiceAccount", namespace, name }],
        },
      ];
    });
    await applyAll(api, items);
    for (const [name, , , what] of rights)
      assert.equal(await facts().writesOf({ namespace, name }, signal), what);
  });

  test("T49: a right in another namespace counts where there are Connections, since a policy there may name any account", async () => {
    const { api } = live();
    const [home, prod] = [await api.namespace(), await api.namespace()];
    await bind(prod, "create", "secretaccesspolicies", `${home}:reaching`);
    const account = { namespace: home, name: "reaching" };
    assert.equal(
      await facts([prod]).writesOf(account, signal),
      `create secretaccesspolicies.sallyport.dev in namespace ${prod}`,
    );
    assert.equal(await facts().writesOf(account, signal), undefined);
    // What the right is good for: the account gives itself the right to read.
    const kube = openKube(await api.asServiceAccount(home, "default"));
    await bind(prod, "create", "secretaccesspolicies", `${home}:default`);
    const grant = policyObject(prod, "mine", {
      subjects: [{ serviceAccount: { namespace: home, name: "default" } }],
    });
    await kube.create(POLICIES, grant, { signal });
    kube[Symbol.dispose]();
  });

  test("an answer is remembered for half a minute, one of another namespace for five", async () => {
    const { api } = live();
    const [namespace, other] = [await api.namespace(), await api.namespace()];
    let nowMs = 0;
    const clock = { monotonicMs: () => nowMs, wallMs: () => nowMs, sleep: () => Promise.resolve() };
    const asked = facts([other], clock);
    const writes = (name: string): Promise<string | undefined> => asked.writesOf({ namespace, name }, signal);
    for (const name of ["near", "far"]) assert.equal(await writes(name), undefined);
    await bind(namespace, "patch", "connections", `${namespace}:near`);
    await bind(other, "patch", "connections", `${namespace}:far`);
    nowMs = 29_999;
    assert.equal(await writes("near"), undefined);
    nowMs = 30_000;
    assert.equal(await writes("near"), `patch connections.sallyport.dev in namespace ${namespace}`);
    nowMs = 299_999;
    assert.equal(await writes("far"), undefined);
    nowMs = 300_000;
    assert.equal(await writes("far"), `patch connections.sallyport.dev in namespace ${other}`);
  });

  test("what cannot be found out is an error, and is asked again by whoever comes next", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace();
    const account = { namespace, name: "default" };
    let mayAsk = false;
    const nobody = openKube(api.as("nobody"));
    const post: typeof kube.post = (place, body, call) => (mayAsk ? kube : nobody).post(place, body, call);
    const asked = writerFacts({ kube: { post }, namespaces: () => [], signal });
    await assert.rejects(
      asked.writesOf(account, signal),
      (error) => error instanceof KubeError && error.status === 403,
    );
    mayAsk = true;
    assert.equal(await asked.writesOf(account, signal), undefined);
    nobody[Symbol.dispose]();
  });

  test("many pods of one account at once are one question, and one who leaves does not end it", async () => {
    const { api, kube } = live();
    const namespace = await api.namespace();
    let posts = 0;
    const post: typeof kube.post = (place, body, call) => {
      posts += 1;
      return kube.post(place, body, call);
    };
    const asked = writerFacts({ kube: { post }, namespaces: () => [], signal });
    const leaving = new AbortController();
    const account = { namespace, name: "default" };
    const left = asked.writesOf(account, leaving.signal);
    leaving.abort(new Error("gone"));
    await assert.rejects(left, /gone/);
    const answers = await Promise.all(Array.from({ length: 50 }, () => asked.writesOf(account, signal)));
    assert.deepEqual(new Set(answers), new Set([undefined]));
    assert.equal(posts, 40);
  });
}
