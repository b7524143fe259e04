/**
 * For every CEL rule of the kinds an object that it accepts and one that it refuses, each a whole object, so that any
 * evaluator can be asked: ours now, the Kubernetes API server where there is one.
 */
import type { KindName } from "#core/api/kind-schemas.ts";
import { kubernetesSamples } from "./kubernetes.ts";
import { type RuleSample, type Spec, pair, testCase, user } from "./pair.ts";

export type { RuleSample } from "./pair.ts";

const POLICY_KINDS = ["SecretAccessPolicy", "ClusterSecretAccessPolicy"] as const;
const limits = { rows: 10 };
const readOnly = { preset: "readOnly" };

const subjects = POLICY_KINDS.flatMap((kind) => {
  const one = (subject: Spec): Spec => ({ subjects: [subject], limits });
  const empty = "an empty selector would mean everyone";
  return [
    pair(kind, "spec.subjects[]", empty, one({ serviceAccount: { name: "a" } }), one({})),
    pair(
      kind,
      "spec.subjects[].descendantsOf",
      empty,
      one({ descendantsOf: { namespace: "a" } }),
      one({ descendantsOf: {} }),
    ),
    pair(
      kind,
      "spec.subjects[].launchedBy",
      empty,
      one({ launchedBy: { kind: "ci" } }),
      one({ launchedBy: {} }),
    ),
  ];
});

const RULE_LISTS = [
  ["SecretAccessPolicy", "allow"],
  ["SecretAccessPolicy", "deny"],
  ["SecretAccessPolicy", "ask"],
  ["ClusterSecretAccessPolicy", "deny"],
  ["ClusterSecretAccessPolicy", "ask"],
] as const;

const rules = RULE_LISTS.flatMap(([kind, list]) => {
  const one = (postgres: Spec): Spec => ({ [list]: [{ name: "a", postgres }] });
  const block = `spec.${list}[].postgres`;
  const alone = pair(kind, `spec.${list}[]`, "a rule speaks of exactly one", one(readOnly), {
    [list]: [{ name: "a" }],
  });
  const both = { ...readOnly, statements: ["ddl"] };
  const narrowed = { statements: ["any"], tables: ["public.orders"] };
  return [
    alone,
    pair(kind, block, "preset is a ready list", one({ statements: ["ddl"] }), one(both)),
    pair(kind, block, "any passes everything on", one({ statements: ["any"] }), one(narrowed)),
    pair(
      kind,
      block,
      "any passes everything on",
      one({ statements: ["read"] }),
      one({ statements: ["any", "read"] }),
    ),
    pair(
      kind,
      block,
      "any passes everything on",
      one({ statements: ["any"] }),
      one({ statements: ["any"], unfiltered: list !== "allow" }),
    ),
    ...(list === "allow" || list === "deny"
      ? [
          pair(
            kind,
            block,
            "in doubt a statement counts as unfiltered",
            one({ ...readOnly, unfiltered: list === "deny" }),
            one({ ...readOnly, unfiltered: list !== "deny" }),
          ),
        ]
      : []),
    ...(list === "deny"
      ? []
      : [pair(kind, block, "say which statements", one(readOnly), one({ tables: ["public.orders"] }))]),
  ];
});

const masks = POLICY_KINDS.map((kind) => {
  const mask = [{ postgres: { columns: ["*.*.ssn"] } }];
  return pair(
    kind,
    "spec.mask[]",
    "a mask speaks of exactly one",
    { mask },
    { mask: [{ action: "nullify" }] },
  );
});

const named = (name: string): readonly Spec[] => [{ name, postgres: { statements: ["ddl"] } }];
const unique = "rule names are unique within a policy: one name stands under both";
const policies: readonly RuleSample[] = [
  pair("SecretAccessPolicy", "spec", "the policy says nothing", { limits }, { mode: "observe" }),
  pair(
    "ClusterSecretAccessPolicy",
    "spec",
    "the guardrail says nothing",
    { whenParentEnds: "end" },
    { mode: "observe" },
  ),
  pair(
    "SecretAccessPolicy",
    "spec",
    `${unique} allow and deny`,
    { allow: named("a"), deny: named("b") },
    { allow: named("a"), deny: named("a") },
  ),
  pair(
    "SecretAccessPolicy",
    "spec",
    `${unique} allow and ask`,
    { allow: named("a"), ask: named("b") },
    { allow: named("a"), ask: named("a") },
  ),
  pair(
    "SecretAccessPolicy",
    "spec",
    `${unique} deny and ask`,
    { deny: named("a"), ask: named("b") },
    { deny: named("a"), ask: named("a") },
  ),
  pair(
    "ClusterSecretAccessPolicy",
    "spec",
    `${unique} deny and ask`,
    { deny: named("a"), ask: named("b") },
    { deny: named("a"), ask: named("a") },
  ),
  pair(
    "SecretAccessPolicy",
    "spec.connections",
    "select connections in one way",
    { connections: { names: ["a"] }, limits },
    { connections: {}, limits },
  ),
  pair(
    "SecretAccessPolicy",
    "spec.connections",
    "select connections in one way",
    { limits },
    { connections: { names: ["a"], matchLabels: { tier: "a" } }, limits },
  ),
  pair(
    "ClusterSecretAccessPolicy",
    "spec.connections",
    "an empty selector is easily",
    { connections: { namespaces: ["a"] }, limits },
    { connections: {}, limits },
  ),
  pair(
    "ClusterSecretAccessPolicy",
    "spec.connections",
    "select connections in one way",
    { connections: { namespaces: ["a"], names: ["a"] }, limits },
    { connections: { names: ["a"], matchLabels: { tier: "a" } }, limits },
  ),
];

const env = { name: "PASSWORD" };
const file = { path: "/run/secrets/password" };
const minter = { user: "minter", env };
const credential = (mode: string, source: Spec): Spec => ({ credential: { mode, source } });
const minted = (change: Spec): Spec =>
  credential("minted", { postgresRole: { template: "t", minter: { user: "m", ...change } } });
const RELAY: Spec = { protocol: "tcp", credential: { mode: "none" }, postgres: undefined, tcp: {} };
const UNENCRYPTED: Spec = { tls: { mode: "disable" } };
const trusting = (postgres: Spec): Spec => ({ credential: { mode: "none" }, postgres });
const weak = (...ways: string[]): Spec => ({ postgres: { database: "orders", weakAuthentication: ways } });
const CONNECTION: KindName = "Connection";
const tls = "mode is disable, so no certificate is checked: remove";
const connections: readonly RuleSample[] = [
  pair(CONNECTION, "spec", "give the block named as", {}, { postgres: undefined }),
  pair(
    CONNECTION,
    "spec.tls",
    `${tls} serverName`,
    { tls: { serverName: "db" } },
    { tls: { mode: "disable", serverName: "db" } },
  ),
  pair(
    CONNECTION,
    "spec.tls",
    `${tls} ca`,
    { tls: { ca: { file: "/ca.pem" } } },
    { tls: { mode: "disable", ca: { file: "/ca.pem" } } },
  ),
  pair(
    CONNECTION,
    "spec.tls.ca",
    "give exactly one",
    { tls: { ca: { file: "/ca.pem" } } },
    { tls: { ca: {} } },
  ),
  pair(CONNECTION, "spec.credential", "a credential comes from a source", credential("static", { file }), {
    credential: { mode: "static" },
  }),
  pair(CONNECTION, "spec", "tcp relays bytes and signs in nowhere", RELAY, {
    ...RELAY,
    ...credential("static", { file }),
  }),
  pair(CONNECTION, "spec", "no credential names the role", trusting({ database: "orders", user: "app" }), {
    ...trusting({ database: "orders" }),
  }),
  pair(CONNECTION, "spec", "a credential is for one role", trusting({ user: "asRequested" }), {
    ...credential("static", { file }),
    postgres: { user: "asRequested" },
  }),
  pair(
    CONNECTION,
    "spec",
    "there is no password to give away",
    trusting({ database: "orders", user: "app" }),
    trusting({ database: "orders", user: "app", weakAuthentication: ["md5"] }),
  ),
  pair(
    CONNECTION,
    "spec.postgres",
    "say which database",
    trusting({ user: "asRequested" }),
    trusting({ user: "app" }),
  ),
  pair(CONNECTION, "spec", "tcp relays bytes as they are", RELAY, { ...RELAY, tls: { mode: "disable" } }),
  pair(CONNECTION, "spec", "tls is off, so", weak("cleartext"), { ...UNENCRYPTED, ...weak("cleartext") }),
  pair(
    CONNECTION,
    "spec",
    "tls is off, so",
    { ...UNENCRYPTED, ...weak("md5") },
    {
      ...UNENCRYPTED,
      ...weak("md5", "cleartext"),
    },
  ),
  pair(CONNECTION, "spec", "minted roles have no password", weak("md5"), {
    ...minted({ env }),
    ...weak("md5"),
  }),
  pair(CONNECTION, "spec", "give the block named", RELAY, { ...RELAY, tcp: undefined }),
  pair(CONNECTION, "spec.credential", "minted goes with", minted({ env }), credential("minted", { file })),
  pair(
    CONNECTION,
    "spec.credential",
    "minted goes with",
    credential("leased", { file }),
    credential("static", { postgresRole: { template: "t", minter } }),
  ),
  pair(
    CONNECTION,
    "spec.credential",
    "an environment variable",
    credential("leased", { file }),
    credential("leased", { env }),
  ),
  pair(
    CONNECTION,
    "spec.credential.source",
    "a credential comes from one place",
    credential("static", { file }),
    credential("static", { file, env }),
  ),
  pair(
    CONNECTION,
    "spec.credential.source.postgresRole.minter",
    "the minter's password",
    minted({ file }),
    minted({ file, env }),
  ),
];

const IDP: KindName = "IdentityProvider";
const issuer = "give an https URL";
const issuers = [
  ["https://idp.example.com/realms/a", "http://idp.example.com"],
  ["https://idp.example.com:8443", "https://user@idp.example.com"],
  ["http://localhost:8080/a", "http://localhost.example.com"],
  ["http://127.0.0.1", "http://127.0.0.10"],
  ["http://[::1]:80", "http://[::2]"],
  ["https://idp.example.com/", "https://idp.example.com/?a=b"],
  ["https://a", "https://"],
] as const;
const providers: readonly RuleSample[] = [
  ...issuers.map(([good, bad]) => pair(IDP, "spec.issuer", issuer, { issuer: good }, { issuer: bad })),
  pair(
    IDP,
    "spec.ca",
    "give exactly one",
    { ca: { file: "/ca.pem" } },
    { ca: { file: "/ca.pem", secret: { name: "a", key: "b" } } },
  ),
];

const tests: readonly RuleSample[] = [
  pair("PolicyTest", "spec.cases[].subject", "say who it is", testCase({}), testCase({ subject: {} })),
  pair(
    "PolicyTest",
    "spec.cases[].ancestors[]",
    "say who it is",
    testCase({ ancestors: [{ kind: "ci", user }] }),
    testCase({ ancestors: [{ kind: "ci" }] }),
  ),
];

const tokenFile = "/run/token";
const ambient = { tokenFile };
const perClient = { providers: ["corporate"] };
const local = { host: "127.0.0.1", port: 6432 };
const listener = (change: Spec): Spec => ({
  listeners: [{ name: "orders", connection: { namespace: "shop", name: "orders" }, ...change }],
});
const gateways: readonly RuleSample[] = [
  pair(
    "Gateway",
    "spec.listeners[]",
    "give exactly one of socket and address",
    listener({ socket: "/run/agent/.s.PGSQL.5432", identity: { ambient } }),
    listener({ socket: "/run/agent/.s.PGSQL.5432", address: local, identity: { ambient } }),
  ),
  pair(
    "Gateway",
    "spec.listeners[]",
    "whoever reaches an ambient listener",
    listener({ address: local, identity: { ambient } }),
    listener({ address: { ...local, host: "0.0.0.0" }, identity: { ambient } }),
  ),
  pair(
    "Gateway",
    "spec.listeners[]",
    "whoever reaches an ambient listener",
    listener({ address: { ...local, host: "10.0.0.7" }, identity: { perClient } }),
    listener({ address: { ...local, host: "10.0.0.7" }, identity: { ambient } }),
  ),
  pair(
    "Gateway",
    "spec.listeners[].identity",
    "give exactly one of ambient and perClient",
    listener({ address: local, identity: { perClient } }),
    listener({ address: local, identity: { ambient, perClient } }),
  ),
  pair(
    "Gateway",
    "spec.listeners[].identity.ambient",
    "give exactly one of tokenFile, github and gitlab",
    listener({ address: local, identity: { ambient: { gitlab: { name: "ID_TOKEN" } } } }),
    listener({ address: local, identity: { ambient: { tokenFile, gitlab: { name: "ID_TOKEN" } } } }),
  ),
];

const account = { serviceAccount: { namespace: "sandboxes", name: "controller" } };
const sandboxes = { group: "agents.x-k8s.io", version: "v1alpha1", resource: "sandboxes", kind: "Sandbox" };
const controllers: readonly RuleSample[] = [
  pair(
    "WorkloadController",
    "spec",
    "with AtExchange pods are followed up",
    { ...account, pods: "AtExchange", owns: [sandboxes] },
    { ...account, pods: "AtExchange" },
  ),
];

export const RULE_SAMPLES: readonly RuleSample[] = [
  ...subjects,
  ...rules,
  ...masks,
  ...policies,
  ...connections,
  ...kubernetesSamples,
  ...providers,
  ...controllers,
  ...tests,
  ...gateways,
];
