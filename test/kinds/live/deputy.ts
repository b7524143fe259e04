/**
 * T47–T49: whoever may write Connections has the broker send Secrets they cannot read to hosts of theirs. Each attack on the
 * real API server, with what is allowed beside it, and once with the defence taken away.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { Connection } from "#core/api/kinds.gen.ts";
import { KINDS } from "#core/api/schema.gen.ts";
import { judgeKind } from "#operator/admission/kinds/judge.ts";
import { useOf } from "#operator/credentials/usable-by.ts";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { CONNECTIONS, IDENTITY_PROVIDERS, type OwnKind } from "#operator/kube/resource.ts";
import { eventually } from "../../chart/support/wait.ts";
import { fieldsNamed } from "../fields.ts";
import { API_VERSION, connectionObject, tcpObject } from "./objects.ts";
import { applyAll, type Live, renderChart, succeed } from "./server.ts";

const POLICY = "sallyport-connection-secrets";

/** `alice` may read the Secret `db`, `bob` no Secret; both may write Connections. */
interface Stage {
  readonly namespace: string;
  readonly alice: Kube;
  readonly bob: Kube;
}

/** `allowed`, or what the API server says. */
type Outcome = string;

export function deputySuite(live: () => Live): void {
  let stage: Stage | undefined;
  const on = (): Stage => {
    if (stage === undefined) throw new Error("the stage is not set");
    return stage;
  };
  before(async () => {
    const { api } = live();
    await succeed(api, ["apply", "-f", "-"], await renderPolicy());
    stage = await setStage(live());
    await until(
      async () => (await create(on().bob, connectionObject(on().namespace, "probe"))) !== "allowed",
    );
  });

  test("T47: nobody points a Connection at a Secret that they cannot read", async () => {
    const { alice, bob, namespace } = on();
    const stolen = connectionObject(namespace, "stolen", { address: { host: "evil.test", port: 5432 } });
    assert.match(await create(bob, stolen), /bob may not read the Secret db in .*Fix: /);
    assert.equal(await create(alice, connectionObject(namespace, "orders")), "allowed");
    assert.equal(await create(bob, tcpObject(namespace, "search")), "allowed");
  });

  test("T47: every place of a Connection that names a Secret is looked at", async () => {
    const { alice, bob, namespace } = on();
    for (const [name, spec] of [
      ["minter", { credential: minted({ secret: { name: "db", key: "password" } }) }],
      [
        "authority",
        { tls: { ca: { secret: { name: "db", key: "ca.crt" } } }, credential: secretOf("readable") },
      ],
    ] as const) {
      const object = connectionObject(namespace, name, spec);
      assert.match(await create(bob, object), /may not read the Secret db/, name);
      assert.equal(await create(alice, object), "allowed", name);
    }
  });

  test("the policy has a validation for every field of a Connection that names a Secret", async () => {
    const guarded = [...(await renderPolicy()).matchAll(/messageExpression: "'(spec\.[\w.]+\.secret): '/g)];
    const named = [KINDS.Connection, KINDS.IdentityProvider].flatMap(({ spec }) =>
      fieldsNamed(spec, ["secret"]),
    );
    assert.deepEqual(guarded.map(([, field]) => field).toSorted(), named.toSorted());
  });

  test("T48: whoever cannot read the Secret changes neither address, trust nor reference later", async () => {
    const { alice, bob, namespace } = on();
    const key = `${namespace}/bound`;
    await alice.create(CONNECTIONS, connectionObject(namespace, "bound"), call());
    for (const [path, value] of [
      ["/spec/address/host", "evil.test"],
      ["/spec/address/port", 6543],
      ["/spec/tls", { mode: "disable" }],
      ["/spec/tls", { serverName: "evil.test" }],
      ["/spec/reachedAs", [{ host: "elsewhere" }]],
      ["/spec/postgres/weakAuthentication", ["cleartext"]],
      ["/spec/credential/source/secret/name", "other"],
      ["/spec/credential/source/secret/key", "username"],
    ] as const) {
      assert.match(await patch(bob, key, path, value), /may not read the Secret/, path);
    }
    assert.match(
      await patch(alice, key, "/spec/credential/source/secret/name", "other"),
      /alice may not read the Secret other/,
    );
    assert.equal(await patch(alice, key, "/spec/address/host", "new.example.com"), "allowed");
  });

  test("T48: what says nothing of address or Secret is changed by whoever may write Connections", async () => {
    const { alice, bob, namespace } = on();
    const key = `${namespace}/labelled`;
    await alice.create(CONNECTIONS, connectionObject(namespace, "labelled"), call());
    assert.equal(await patch(bob, key, "/metadata/labels", { tier: "reporting" }), "allowed");
    assert.equal(await patch(bob, key, "/metadata/annotations", { "example.com/owner": "bob" }), "allowed");
  });

  test("T48: a change by somebody who may read the Secret still needs the Secret's own word", async () => {
    const { alice, namespace } = on();
    const { kube } = live();
    const key = `${namespace}/moved`;
    await alice.create(CONNECTIONS, connectionObject(namespace, "moved"), call());
    const secret = {
      namespace,
      name: "db",
      annotations: { "sallyport.dev/usable-by": "moved@db.example.com" },
    };
    assert.equal(useOf(secret, await read(kube, key)).ok, true);
    assert.equal(await patch(alice, key, "/spec/address/host", "evil.test"), "allowed");
    const moved = useOf(secret, await read(kube, key));
    assert.ok(!moved.ok);
    assert.match(moved.why, /may not be used by the Connection moved for evil.test/);
    const silent = useOf({ ...secret, annotations: undefined }, await read(kube, key));
    assert.ok(!silent.ok);
    assert.match(silent.why, /annotate it with sallyport.dev\/usable-by: moved@evil.test/);
  });

  test("nobody, the administrator included, has the broker send a file or variable of its own host", async () => {
    const { namespace } = on();
    const { kube } = live();
    for (const [spec, field] of [
      [
        { credential: { mode: "static", source: { file: { path: "/var/run/secrets/token" } } } },
        "spec.credential.source.file",
      ],
      [{ credential: { mode: "static", source: { env: { name: "KEY" } } } }, "spec.credential.source.env"],
      [{ credential: minted({ env: { name: "KEY" } }) }, "spec.credential.source.postgresRole.minter.env"],
      [{ tls: { ca: { file: "/etc/shadow" } } }, "spec.tls.ca.file"],
    ] as const) {
      const object = connectionObject(namespace, "host", spec);
      const said = await create(kube, object);
      assert.ok(said.includes(`${field}: in a cluster the broker reads`), said);
      // The webhook says so too, of the same field.
      const found = judgeKind(object, "uid").findings.map((finding) => finding.field);
      assert.deepEqual(found, [field]);
    }
  });

  test("an identity provider's authority is a Secret that its author can read, and no file", async () => {
    const { alice, bob } = on();
    const { kube } = live();
    const secret = { secret: { name: "idp-ca", key: "ca.crt" } };
    assert.match(
      await create(bob, provider(secret)),
      /bob may not read the Secret idp-ca in sallyport-system/,
    );
    assert.equal(await create(kube, provider(secret)), "allowed");
    assert.match(await create(kube, provider({ file: "/etc/ca.pem" })), /spec.ca.file/);
    assert.equal(await create(alice, provider({ configMap: { name: "ca", key: "ca.crt" } })), "allowed");
  });

  test("without the policy the theft goes through, so it is the policy that holds", async () => {
    const { api } = live();
    const { bob, namespace } = on();
    const stolen = connectionObject(namespace, "stolen", { address: { host: "evil.test", port: 5432 } });
    assert.notEqual(await create(bob, stolen), "allowed");
    await succeed(api, ["delete", "validatingadmissionpolicybinding", POLICY]);
    await until(async () => (await create(bob, stolen)) === "allowed");
  });
}

function renderPolicy(): Promise<string> {
  return renderChart(["policies/connection-secrets.yaml"]);
}

async function setStage({ api }: Live): Promise<Stage> {
  const namespace = await api.namespace();
  const secrets = (...resourceNames: readonly string[]) => {
    return { apiGroups: [""], resources: ["secrets"], resourceNames, verbs: ["get"] };
  };
  const writes = { apiGroups: ["sallyport.dev"], resources: ["connections"] };
  const provides = { apiGroups: ["sallyport.dev"], resources: ["identityproviders"], verbs: ["create"] };
  await applyAll(api, [
    ...granted("Role", { name: "writers", namespace }, ["alice", "bob"], {
      ...writes,
      verbs: ["create", "update", "patch", "get"],
    }),
    ...granted("Role", { name: "readers", namespace }, ["alice"], secrets("db", "readable")),
    ...granted("Role", { name: "reads-one", namespace }, ["bob"], secrets("readable")),
    ...granted("ClusterRole", { name: "idp-writers" }, ["alice", "bob"], provides),
  ]);
  return { namespace, alice: openKube(api.as("alice")), bob: openKube(api.as("bob")) };
}

/** A role of one rule, and who has it. */
function granted(
  kind: "Role" | "ClusterRole",
  metadata: { readonly name: string; readonly namespace?: string },
  users: readonly string[],
  rule: object,
): readonly object[] {
  const apiGroup = "rbac.authorization.k8s.io";
  const apiVersion = `${apiGroup}/v1`;
  const subjects = users.map((name) => ({ apiGroup, kind: "User", name }));
  const roleRef = { apiGroup, kind, name: metadata.name };
  return [
    { apiVersion, kind, metadata, rules: [rule] },
    { apiVersion, kind: `${kind}Binding`, metadata, roleRef, subjects },
  ];
}

function call(): { signal: AbortSignal } {
  return { signal: AbortSignal.timeout(30_000) };
}

async function create(kube: Kube, object: OwnKind): Promise<Outcome> {
  const resource = object.kind === "Connection" ? CONNECTIONS : IDENTITY_PROVIDERS;
  return outcomeOf(kube.create<OwnKind>(resource, object, { ...call(), dryRun: true }));
}

async function patch(kube: Kube, key: string, path: string, value: unknown): Promise<Outcome> {
  return outcomeOf(kube.patch(CONNECTIONS, key, [{ op: "add", path, value }], call()));
}

async function outcomeOf(done: Promise<unknown>): Promise<Outcome> {
  try {
    await done;
    return "allowed";
  } catch (error) {
    if (error instanceof KubeError && (error.status === 403 || error.status === 422)) return error.message;
    throw error;
  }
}

async function read(kube: Kube, key: string): Promise<Connection> {
  return (await kube.get(CONNECTIONS, key, call())) as unknown as Connection;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  await eventually(
    async () => ((await holds()) ? true : undefined),
    () => "the policy has not changed in time",
  );
}

function secretOf(name: string): object {
  return { mode: "static", source: { secret: { name, key: "password" } } };
}

function minted(place: object): object {
  const minter = { user: "minter", ...place };
  return { mode: "minted", source: { postgresRole: { template: "agents", minter } } };
}

function provider(ca: object): OwnKind {
  return {
    apiVersion: API_VERSION,
    kind: "IdentityProvider",
    metadata: { name: "idp" },
    spec: { issuer: "https://idp.example.com", audiences: ["sallyport"], ca },
  };
}
