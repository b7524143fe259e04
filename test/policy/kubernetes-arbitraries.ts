/** Rules and requests of Kubernetes, out of so few words that they often have to do with each other. */
import fc from "fast-check";
import { VERBS } from "#core/policy/protocols/kubernetes/acts.ts";
import { readImpersonation, readRequest } from "#core/policy/protocols/kubernetes/read-request.ts";

const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.uniqueArray(value, { minLength: 1, maxLength: 3 });

const verbs = some(fc.constantFrom("*", ...VERBS));
const resources = some(
  fc.constantFrom(
    "*",
    "pods",
    "pods/log",
    "pods/*",
    "pods/exec",
    "secrets",
    "deployments.apps",
    "*.apps",
    "deployments.apps/scale",
    "*/status",
  ),
);
const namespaces = some(fc.constantFrom("shop", "shop-*", "prod", "p*"));
const names = some(fc.constantFrom("web", "web-*", "w*", "db"));
const paths = some(fc.constantFrom("/metrics", "/logs/*", "/version", "/*"));

const ofResources = fc.record(
  { verbs, resources, namespaces, names },
  { requiredKeys: ["verbs", "resources"] },
);
const ofPaths = fc.record({ verbs, paths }, { requiredKeys: ["verbs", "paths"] });

export const kubernetesGrants: fc.Arbitrary<unknown> = fc.oneof(ofResources, ofPaths);
export const kubernetesDenials: fc.Arbitrary<unknown> = fc.oneof(
  fc.record({ verbs, resources, namespaces, names }, { requiredKeys: [] }),
  fc.record({ verbs, paths }, { requiredKeys: [] }),
);

const act = fc.oneof(
  fc.record(
    {
      kind: fc.constant("resource" as const),
      verb: fc.constantFrom(...VERBS),
      group: fc.constantFrom("", "apps", "batch"),
      resource: fc.constantFrom("pods", "secrets", "deployments", "serviceaccounts"),
      subresource: fc.constantFrom("log", "exec", "scale", "status", "proxy", "token"),
      namespace: fc.constantFrom("shop", "shop-eu", "prod"),
      name: fc.constantFrom("web", "web-1", "db"),
    },
    { requiredKeys: ["kind", "verb", "group", "resource"] },
  ),
  fc.record({
    kind: fc.constant("path" as const),
    verb: fc.constantFrom(...VERBS),
    path: fc.constantFrom("/version", "/metrics", "/logs/a", "/apis/apps", "/"),
  }),
  fc.constantFrom({ kind: "impersonation" as const }, { kind: "impersonation" as const, of: "system:admin" }),
  fc.constant({ kind: "doubt" as const, text: "a path that can be read in several ways" }),
);

const impersonation = fc.option(fc.array(fc.string(), { maxLength: 2 }).map(readImpersonation), {
  nil: undefined,
});

const target = fc
  .tuple(
    fc.constantFrom("/api/v1", "/apis/apps/v1", "/api", "", "/apis/batch/v1/namespaces/shop"),
    fc.array(
      fc.constantFrom(
        "namespaces",
        "shop",
        "pods",
        "web",
        "exec",
        "watch",
        "proxy",
        "..",
        "%2e",
        "a%2Fb",
        "\u00e9",
      ),
    ),
    fc.constantFrom("", "?watch=1", "?watch=0&watch=1", "?fieldSelector=metadata.name%3Dweb", "?a;b"),
  )
  .map(([prefix, rest, query]) => `${[prefix, ...rest].join("/") || "/"}${query}`);

export const kubernetesRequests: fc.Arbitrary<unknown> = fc.oneof(
  fc.array(act, { maxLength: 2 }).map((acts) => ({ protocol: "kubernetes", acts })),
  fc
    .tuple(fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"), target, impersonation)
    .map(([method, where, asked]) => readRequest(method, where, asked)),
);
