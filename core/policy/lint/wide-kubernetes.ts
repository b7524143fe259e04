import type { KubernetesPermission } from "../../api/kinds.gen.ts";
import type { Finding, Lint } from "./lint.ts";
import { finding, type PlacedRule } from "./world.ts";

export const wideKubernetes: Lint = {
  title: "the rule gives away more of a cluster than anyone means to",
  why:
    "Whoever reads a Secret has a credential that no gateway sees used. Whoever writes every resource, or Roles and their bindings, " +
    "gives itself what RBAC lets it. Name the resources, and the namespaces; for what is in a Secret make a Connection.",
  find: (world) => world.rules.filter(({ effect }) => effect === "allow").flatMap(findingsOf),
  wrong: exampleWith("verbs: [get], resources: [secrets], namespaces: [shop]"),
  right: exampleWith("verbs: [get, list], resources: [configmaps, pods], namespaces: [shop]"),
};

const READS = ["get", "list", "watch", "*"] as const;
const WRITES = ["create", "update", "patch", "*"] as const;
const RIGHTS =
  /^(?:\*|roles|rolebindings|clusterroles|clusterrolebindings)\.(?:\*|rbac\.authorization\.k8s\.io)$|^\*$/;

function findingsOf({ policy, rule, path }: PlacedRule): Finding[] {
  const { kubernetes } = rule;
  if (kubernetes === undefined) return [];
  const { resources = [] } = kubernetes;
  return resources.flatMap((resource, index) => {
    const why = whyWide(resource, kubernetes);
    if (why === undefined) return [];
    return [finding(policy, [...path, "kubernetes", "resources", index], `rule "${rule.name}" ${why}`)];
  });
}

function whyWide(resource: string, { verbs = [] }: KubernetesPermission): string | undefined {
  if (resource === "secrets" && verbs.some((verb) => READS.some((read) => read === verb)))
    return "hands out what is in Secrets, past every gateway; make Connections of what agents need";
  if (RIGHTS.test(resource) && verbs.some((verb) => WRITES.some((write) => write === verb)))
    return `writes ${resource === "*" ? "every resource, rights included" : resource}, and so what it may do itself; name what it needs`;
  return undefined;
}

function exampleWith(permission: string): string {
  return `apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: cluster, namespace: shop }
spec:
  protocol: kubernetes
  address: { host: 10.96.0.1, port: 443 }
  credential: { mode: minted, source: { kubernetesToken: {} } }
  kubernetes: {}
---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: operators, namespace: shop }
spec:
  subjects: [{ serviceAccount: { name: operator } }]
  connections: { names: [cluster] }
  allow:
    - name: work
      kubernetes: { ${permission} }
`;
}
