/** What the rules about Kubernetes accept and refuse. */
import { type RuleSample, type Spec, pair, testCase } from "./pair.ts";

const RULE_LISTS = [
  ["SecretAccessPolicy", "allow"],
  ["SecretAccessPolicy", "deny"],
  ["SecretAccessPolicy", "ask"],
  ["ClusterSecretAccessPolicy", "deny"],
  ["ClusterSecretAccessPolicy", "ask"],
] as const;
const reading = { verbs: ["get"], resources: ["pods"] };
const NO_RULE_OPENS = "no rule opens serviceaccounts/token and proxies";

const rules = RULE_LISTS.flatMap(([kind, list]) => {
  const one = (kubernetes: Spec): Spec => ({ [list]: [{ name: "a", kubernetes }] });
  const block = `spec.${list}[].kubernetes`;
  const say = list === "allow" ? "say what is permitted" : "say what is asked about";
  const paths = { verbs: ["get"], paths: ["/metrics"] };
  const create = { verbs: ["create"], names: ["web"] };
  return [
    pair(kind, block, "paths are no resources", one(paths), one({ ...paths, namespaces: ["shop"] })),
    pair(
      kind,
      block,
      "the name of what is created",
      one({ ...create, resources: ["pods/exec"] }),
      one({ ...create, resources: ["pods"] }),
    ),
    ...(list === "deny"
      ? []
      : [
          pair(kind, block, say, one(reading), one({ verbs: ["get"] })),
          pair(kind, block, say, one(paths), one({ resources: ["pods"] })),
          pair(kind, block, NO_RULE_OPENS, one(reading), one({ ...reading, resources: ["services/proxy"] })),
          pair(
            kind,
            block,
            NO_RULE_OPENS,
            one({ ...reading, resources: ["serviceaccounts"] }),
            one({ ...reading, resources: ["serviceaccounts/token"] }),
          ),
        ]),
  ];
});

const minted = { mode: "minted", source: { kubernetesToken: {} } };
const api: Spec = { protocol: "kubernetes", postgres: undefined, kubernetes: {}, credential: minted };
/** Another cluster's, with a token of it. */
const foreign: Spec = { ...api, credential: { mode: "static", source: { file: { path: "/p" } } } };
const role = { postgresRole: { template: "t", minter: { user: "m", file: { path: "/p" } } } };
const database: Spec = { credential: { mode: "minted", source: role } };

const connections = [
  pair("Connection", "spec", "a role is for PostgreSQL", database, { ...api, ...database }),
  pair("Connection", "spec", "a token of the cluster's is for its API", api, { credential: minted }),
  pair(
    "Connection",
    "spec",
    "the token goes to whoever is at the other end",
    { ...foreign, tls: { mode: "verify-full" } },
    { ...foreign, tls: { mode: "verify-ca" } },
  ),
  pair("Connection", "spec", "this protocol signs in with a credential", foreign, {
    ...foreign,
    credential: { mode: "none" },
  }),
  pair("Connection", "spec", "the cluster's own API server is known", api, {
    ...api,
    tls: { mode: "verify-full" },
  }),
];

const asked = { verb: "get", resource: "pods", namespace: "shop", name: "web" };
const tests = [
  pair(
    "PolicyTest",
    "spec.cases[]",
    "a case asks in at most one protocol",
    testCase({ kubernetes: asked }),
    testCase({ kubernetes: asked, postgres: { statement: "select 1" } }),
  ),
  pair(
    "PolicyTest",
    "spec.cases[].kubernetes",
    "ask for a resource or for a path",
    testCase({ kubernetes: asked }),
    testCase({ kubernetes: { verb: "get", resource: "pods", path: "/metrics" } }),
  ),
  pair(
    "PolicyTest",
    "spec.cases[].kubernetes",
    "a path has no namespace",
    testCase({ kubernetes: { verb: "get", path: "/metrics" } }),
    testCase({ kubernetes: { verb: "get", path: "/metrics", namespace: "shop" } }),
  ),
];

export const kubernetesSamples: readonly RuleSample[] = [...rules, ...connections, ...tests];
