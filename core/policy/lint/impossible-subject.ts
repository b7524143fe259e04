import type { Path } from "../../api/located.ts";
import type { AgentSelector, RootSelector, SubjectSelector } from "../../api/kinds.gen.ts";
import type { Policy } from "../../api/loaded.ts";
import type { Finding, Lint } from "./lint.ts";
import { finding, namespaceOf, subjectsOf } from "./world.ts";

export const impossibleSubject: Lint = {
  title: "the subject describes nobody who could exist",
  why:
    "All fields of one subject must hold at once. A service account in one namespace that is also in another, or a CI " +
    "job with a person's name never match, so the policy never counts.",
  find: (world) =>
    world.policies.flatMap((policy) =>
      subjectsOf(policy).flatMap((subject, index) =>
        contradictions(policy, subject, ["spec", "subjects", index]),
      ),
    ),
  wrong: `
subjects:
  - { serviceAccount: { name: reporter, namespace: shop }, namespace: billing }
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
  right: `
subjects:
  - { serviceAccount: { name: reporter, namespace: shop } }
  - { namespace: billing }
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
};

function contradictions(policy: Policy, subject: SubjectSelector, path: Path): Finding[] {
  const { descendantsOf, launchedBy } = subject;
  return [
    ...agentContradictions(policy, subject, path),
    ...(descendantsOf ? agentContradictions(policy, descendantsOf, [...path, "descendantsOf"]) : []),
    ...(launchedBy ? rootContradictions(policy, launchedBy, [...path, "launchedBy"]) : []),
  ];
}

function agentContradictions(policy: Policy, selector: AgentSelector, path: Path): Finding[] {
  const { serviceAccount, namespace } = selector;
  const home = serviceAccount?.namespace ?? namespaceOf(policy);
  if (!serviceAccount || namespace === undefined || home === undefined || home === namespace) return [];
  return [
    finding(
      policy,
      [...path, "namespace"],
      `service account ${home}/${serviceAccount.name} is never in namespace ${namespace}; ` +
        "write two subjects if either may match",
    ),
  ];
}

function rootContradictions(policy: Policy, root: RootSelector, path: Path): Finding[] {
  const personal = root.user !== undefined || root.group !== undefined;
  // A pipeline is a user too, where it speaks to the API server itself.
  const contradicts =
    (root.kind === "controller" && personal) ||
    (root.kind !== undefined && root.kind !== "controller" && root.serviceAccount !== undefined);
  if (!contradicts) return [];
  const name = personal ? "a user or group" : "a service account";
  return [finding(policy, path, `a ${root.kind} is never known by ${name}; leave kind away or change it`)];
}
