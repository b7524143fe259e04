/** Pipelines whose tokens the API server takes from an OpenID Connect issuer: what it makes of their claims is on record and decides. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { CoreV1Api, KubeConfig, RbacAuthorizationV1Api } from "@kubernetes/client-node";
import { SignJWT, importJWK } from "jose";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import { isRefusal } from "#core/values/refusal.ts";
import type { RootSetting } from "#operator/broker/lineage/roots.ts";
import { LINEAGE_DEFAULT } from "#operator/broker/settings.ts";
import { ORIGIN } from "#operator/names.ts";
import { originOfUser, stamped } from "#test/chart/support/agents.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type Issuer, startIssuer } from "#tools/oidc/issuer.ts";
import { unstamped } from "./support/family.ts";
import { type Agent, type Node, type World, agentIn, forever, startWorld } from "./support/world.ts";

const AUDIENCE = "https://kubernetes.test";
const CLAIMS = { repository: "ci:repository=", environment: "ci:environment=" };
const ROOTS: readonly RootSetting[] = [{ userPrefix: "ci:", kind: "ci", provider: "forge", claims: CLAIMS }];

interface Job {
  readonly sub: string;
  readonly repository: string;
  readonly environment: string;
}
const ORDERS: Job = {
  sub: "repo:acme/orders:ref:refs/heads/main",
  repository: "acme/orders",
  environment: "production",
};
const FORK: Job = {
  sub: "repo:mallory/orders:ref:refs/heads/main",
  repository: "mallory/orders",
  environment: "production",
};

describe("pipelines that launch agents", { skip: skipWithoutApiTier() }, () => {
  const opened = new AsyncDisposableStack();
  let world: World;
  let issuer: Issuer;
  let namespace: string;
  let node: Node;
  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "sallyport-pipelines-"));
    opened.defer(() => rm(folder, { recursive: true }));
    const authority = makeAuthority();
    issuer = opened.use(await startIssuer({ tls: authority.issue("IP:127.0.0.1") }));
    const file = join(folder, "authentication.json");
    await writeFile(file, JSON.stringify(trusting(issuer, authority.certPem)));
    world = opened.use(await startWorld({ "authentication-config": file }));
    namespace = await world.enforced();
    node = await world.node();
    await permit(world, namespace);
  });
  after(() => opened.disposeAsync());

  const asJob = async (job: Job): Promise<KubeConfig> => {
    const config = new KubeConfig();
    const { url, pki } = world.guarded.api;
    const cluster = {
      name: "c",
      server: url,
      skipTLSVerify: false,
      caData: Buffer.from(pki.caPem).toString("base64"),
    };
    config.loadFromClusterAndUser(cluster, { name: "u", token: await tokenOf(issuer, job) });
    return config;
  };
  async function launch(config: KubeConfig, more: Readonly<Record<string, string>> = {}): Promise<Agent> {
    const wanted = stamped(unstamped(world.guarded.agent(namespace)), {
      ...(await originOfUser(config)),
      ...more,
    });
    const spec = { ...wanted.spec, containers: wanted.spec?.containers ?? [], nodeName: node.name };
    const made = await config
      .makeApiClient(CoreV1Api)
      .createNamespacedPod({ namespace, body: { ...wanted, spec } });
    const agent = agentIn(world, namespace, node.name, made.metadata ?? {});
    await agent.status({ phase: "Running", podIPs: [{ ip: "10.1.2.3" }], podIP: "10.1.2.3" });
    return agent;
  }
  async function above(agent: Agent): Promise<readonly Ancestor[]> {
    const replica = world.replica(undefined, { lineage: { ...LINEAGE_DEFAULT, roots: ROOTS } });
    const pod = await replica.inspect(await agent.claim(), forever);
    assert.ok(!isRefusal(pod), JSON.stringify(pod));
    assert.ok(!isRefusal(pod.lineage), JSON.stringify(pod.lineage));
    return pod.lineage.ancestors;
  }

  test("are known by their claims, and a policy that names one of them lets nobody else's pods in", async () => {
    for (const [job, code] of [
      [ORDERS, "ALLOWED"],
      [FORK, "DENY_NO_POLICY"],
    ] as const) {
      const ancestors = await above(await launch(await asJob(job)));
      const [root, ...more] = ancestors;
      assert.deepEqual(more, []);
      assert.equal(root?.kind, "ci");
      assert.equal(root?.identity.user?.name, `ci:${job.sub}`);
      assert.deepEqual(root?.identity.oidc, { provider: "forge", claims: job });
      assert.equal(decided(ancestors, namespace), code);
    }
  });

  test("cannot say otherwise: policies of the API server refuse groups that are not their token's", async () => {
    const fork = await asJob(FORK);
    const groups = [`${CLAIMS.repository}${ORDERS.repository}`, "system:authenticated"].join("\n");
    await assert.rejects(launch(fork, { [ORIGIN.groups]: groups }), /sallyport-origin-pods/);
    await launch(fork);
  });
});

function decided(ancestors: readonly Ancestor[], namespace: string): string {
  const launchedBy = { oidc: { provider: "forge", claims: { repository: ORDERS.repository } } };
  const policy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { namespace, name: "orders" },
    spec: {
      subjects: [{ serviceAccount: { name: "default" }, launchedBy }],
      connections: { names: ["orders"] },
      allow: [{ name: "read", postgres: { statements: ["read"] } }],
    },
  } as const;
  const connection = { metadata: { namespace, name: "orders" }, spec: { protocol: "postgres" } } as const;
  const plan = compile({ connections: [connection], policies: [{ state: "good", origin: "a", policy }] });
  const caller = { identity: { serviceAccount: { namespace, name: "default" } }, ancestors };
  return decide(plan, {
    caller,
    connection: { namespace, name: "orders" },
    nowMs: Date.now(),
    request: openingOf("postgres"),
  }).code;
}

/** As docs/lineage.md has it. */
function trusting({ issuer }: Issuer, certificateAuthority: string): object {
  const groups = Object.entries(CLAIMS).map(([claim, prefix]) => `'${prefix}' + claims.${claim}`);
  return {
    apiVersion: "apiserver.config.k8s.io/v1beta1",
    kind: "AuthenticationConfiguration",
    jwt: [
      {
        issuer: { url: issuer, certificateAuthority, audiences: [AUDIENCE] },
        claimMappings: {
          username: { claim: "sub", prefix: "ci:" },
          groups: { expression: `[${groups.join(", ")}]` },
        },
      },
    ],
  };
}

/** By groups, as the API server's own bindings may. */
async function permit({ guarded: { api } }: World, namespace: string): Promise<void> {
  const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["create"] }];
  await rbac.createNamespacedRole({ namespace, body: { metadata: { name: "pipelines" }, rules } });
  const subjects = [ORDERS, FORK].map(({ repository }) => ({
    apiGroup: "rbac.authorization.k8s.io",
    kind: "Group",
    name: `${CLAIMS.repository}${repository}`,
  }));
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "pipelines" };
  await rbac.createNamespacedRoleBinding({
    namespace,
    body: { metadata: { name: "pipelines" }, roleRef, subjects },
  });
}

/** As a forge gives it to a job, with the key that the API server finds at the issuer. */
async function tokenOf({ issuer, keys }: Issuer, { sub, ...claims }: Job): Promise<string> {
  const [key] = keys;
  if (key?.alg === undefined || key.kid === undefined) throw new TypeError("the issuer has no key");
  return new SignJWT(claims)
    .setSubject(sub)
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(await importJWK(key));
}
