/** T47–T49: whoever writes our kinds has the broker do what they could not do themselves. */
import { RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { CONNECTIONS, type OwnKind } from "#operator/kube/resource.ts";
import { connectionObject, tcpObject } from "#test/kinds/live/objects.ts";
import type { Attack, Threat } from "../support/attack.ts";
import { create, type Stage } from "../support/stage.ts";

const call = () => ({ signal: AbortSignal.timeout(30_000) });
const EVIL = { address: { host: "evil.test", port: 5432 } };

/** May write Connections of the namespace and read no Secret; the Secrets' own people may. */
async function authors(stage: Stage, namespace: string): Promise<void> {
  const rbac = stage.api.config.makeApiClient(RbacAuthorizationV1Api);
  const roles = [
    ["writers", { apiGroups: ["sallyport.dev"], resources: ["connections"], verbs: ["*"] }, ["alice", "bob"]],
    ["readers", { apiGroups: [""], resources: ["secrets"], verbs: ["get"] }, ["alice"]],
  ] as const;
  for (const [name, rule, users] of roles) {
    const rules = [
      { ...rule, apiGroups: [...rule.apiGroups], resources: [...rule.resources], verbs: [...rule.verbs] },
    ];
    await rbac.createNamespacedRole({ namespace, body: { metadata: { name }, rules } });
    await rbac.createNamespacedRoleBinding({
      namespace,
      body: {
        metadata: { name },
        roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name },
        subjects: users.map((user) => ({ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: user })),
      },
    });
  }
}

async function as<T>(stage: Stage, user: string, act: (kube: Kube) => Promise<T>): Promise<T> {
  await using kube = openKube(stage.as(user, []));
  return act(kube);
}

const THEFT = { refusal: /bob may not read the Secret db.*Fix: /s };

function writing(name: string, object: (namespace: string) => OwnKind): Attack {
  return {
    ...THEFT,
    name,
    attempt: async (stage) => {
      const namespace = await stage.enforced();
      await authors(stage, namespace);
      await as(stage, "bob", (kube) => kube.create<OwnKind>(CONNECTIONS, object(namespace), call()));
      return true;
    },
    twin: async (stage) => {
      const namespace = await stage.enforced();
      await authors(stage, namespace);
      await as(stage, "alice", (kube) => kube.create<OwnKind>(CONNECTIONS, object(namespace), call()));
      return as(stage, "bob", (kube) =>
        kube.create<OwnKind>(CONNECTIONS, tcpObject(namespace, "own"), call()),
      );
    },
  };
}

export const OTHERS_SECRET: Threat = {
  id: "T47",
  title: "a Connection points at a Secret that its author cannot read",
  attacks: [
    writing("to a host of the author's", (namespace) => connectionObject(namespace, "stolen", EVIL)),
    writing("as the account that makes accounts", (namespace) =>
      connectionObject(namespace, "minted", {
        credential: {
          mode: "minted",
          source: {
            postgresRole: {
              template: "agents",
              minter: { user: "minter", secret: { name: "db", key: "password" } },
            },
          },
        },
      }),
    ),
  ],
};

function changing(name: string, path: string, value: unknown): Attack {
  const start = async (stage: Stage): Promise<string> => {
    const namespace = await stage.enforced();
    await authors(stage, namespace);
    const object = connectionObject(namespace, "orders");
    await as(stage, "alice", (kube) => kube.create<OwnKind>(CONNECTIONS, object, call()));
    return `${namespace}/orders`;
  };
  const change = (stage: Stage, user: string, key: string, where: string, to: unknown) =>
    as(stage, user, (kube) => kube.patch(CONNECTIONS, key, [{ op: "add", path: where, value: to }], call()));
  return {
    name,
    refusal: /bob may not read the Secret .*Fix: /s,
    attempt: async (stage) => {
      await change(stage, "bob", await start(stage), path, value);
      return true;
    },
    twin: async (stage) => {
      const key = await start(stage);
      await change(stage, "alice", key, path, value);
      return change(stage, "bob", key, "/metadata/labels", { tier: "reporting" });
    },
  };
}

export const CHANGED_LATER: Threat = {
  id: "T48",
  title: "address or reference of a Connection is changed later",
  attacks: [
    changing("the host", "/spec/address/host", "evil.test"),
    changing("the authority that is trusted", "/spec/tls", { mode: "disable" }),
    changing("the Secret", "/spec/credential/source/secret/name", "other"),
  ],
};

/** May it be known by RBAC or not: the answer is the API server's. */
function accountAttack(
  name: string,
  rule: { readonly resources: string[]; readonly verbs: string[] },
  isWide: boolean,
): Attack {
  return {
    name,
    refusal: /spec\.serviceAccountName: .*Fix: /s,
    attempt: async (stage) => {
      const namespace = await stage.enforced();
      await grant(stage, namespace, rule, isWide);
      await create(stage, bare("agent"), namespace);
      return true;
    },
    twin: async (stage) => {
      const namespace = await stage.enforced();
      await grant(stage, namespace, rule, isWide);
      return create(stage, bare("default"), namespace);
    },
  };
}

const bare = (serviceAccountName: string) => ({
  metadata: { name: "a" },
  spec: { serviceAccountName, containers: [{ name: "app", image: "app" }] },
});

async function grant(
  { api, administrator }: Stage,
  namespace: string,
  { resources, verbs }: { readonly resources: string[]; readonly verbs: string[] },
  isWide: boolean,
): Promise<void> {
  await administrator.createNamespacedServiceAccount({ namespace, body: { metadata: { name: "agent" } } });
  const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
  const rules = [{ apiGroups: ["sallyport.dev"], resources, verbs }];
  const subjects = [{ kind: "ServiceAccount", name: "agent", namespace }];
  const metadata = { name: `writers-${namespace}` };
  const apiGroup = "rbac.authorization.k8s.io";
  if (isWide) {
    await rbac.createClusterRole({ body: { metadata, rules } });
    const roleRef = { apiGroup, kind: "ClusterRole", name: metadata.name };
    await rbac.createClusterRoleBinding({ body: { metadata, roleRef, subjects } });
    return;
  }
  await rbac.createNamespacedRole({ namespace, body: { metadata, rules } });
  const roleRef = { apiGroup, kind: "Role", name: metadata.name };
  await rbac.createNamespacedRoleBinding({ namespace, body: { metadata, roleRef, subjects } });
}

export const WRITING_ACCOUNT: Threat = {
  id: "T49",
  title: "an agent's service account may write our kinds",
  attacks: [
    accountAttack("Connections of its namespace", { resources: ["connections"], verbs: ["create"] }, false),
    accountAttack(
      "policies of its namespace",
      { resources: ["secretaccesspolicies"], verbs: ["patch"] },
      false,
    ),
    accountAttack(
      "it may remove guardrails",
      { resources: ["clustersecretaccesspolicies"], verbs: ["delete"] },
      true,
    ),
    accountAttack("everything of ours, everywhere", { resources: ["*"], verbs: ["*"] }, true),
  ],
};
