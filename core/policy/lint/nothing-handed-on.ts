import type { AgentSelector, SubjectSelector } from "../../api/kinds.gen.ts";
import type { Policy } from "../../api/loaded.ts";
import type { Finding, Lint } from "./lint.ts";
import { exampleConnection } from "./example.ts";
import {
  finding,
  isInForce,
  isSomethingBroken,
  namespaceOf,
  rulesOf,
  subjectsOf,
  type World,
} from "./world.ts";

export const nothingHandedOn: Lint = {
  title: "the agent above has nothing to hand on",
  why:
    "What a helper may do is what its own rules allow and what every agent above it may hand on. A rule hands on only " +
    "when it says `delegate: also` or `delegate: only`. Where no rule of the ancestor does for this connection, every " +
    "descendant is refused, whatever its own policy allows.",
  find: (world) => {
    if (isSomethingBroken(world)) return [];
    return world.policies
      .filter(
        (policy) =>
          rulesOf(policy).some(({ effect }) => effect !== "deny") && policy.kind === "SecretAccessPolicy",
      )
      .flatMap((policy) =>
        subjectsOf(policy).flatMap((subject, index) => withoutSource(policy, subject, index, world)),
      );
  },
  wrong: handedOnBy(`"no"`),
  right: handedOnBy("also"),
};

function withoutSource(
  policy: Policy,
  { descendantsOf }: SubjectSelector,
  index: number,
  world: World,
): Finding[] {
  const connections = world.connectionsOf(policy);
  if (descendantsOf === undefined || connections.length === 0) return [];
  const handsOn = (source: Policy): boolean =>
    isInForce(source, world.nowMs) &&
    rulesOf(source).some(({ rule }) => (rule.delegate ?? "no") !== "no") &&
    subjectsOf(source).some((candidate) => couldBeSame(candidate, source, descendantsOf, policy));
  const dry = connections.filter((connection) => !world.policiesOn(connection).some(handsOn));
  if (dry.length === 0) return [];
  return [
    finding(
      policy,
      ["spec", "subjects", index, "descendantsOf"],
      `no rule lets ${nameOf(descendantsOf)} hand anything on for ${dry.map(({ metadata }) => metadata.name).join(", ")}, ` +
        "so its descendants are refused everything; give a rule of its policy delegate: also or only",
    ),
  ];
}

/** False only when some identity that one of them means could never be meant by the other. */
function couldBeSame(
  subject: SubjectSelector,
  subjectOf: Policy,
  agent: AgentSelector,
  agentOf: Policy,
): boolean {
  const left = placeOf(subject, subjectOf);
  const right = placeOf(agent, agentOf);
  return (
    agree(left.name, right.name) &&
    agree(left.namespace, right.namespace) &&
    agree(left.provider, right.provider)
  );
}

function placeOf({ serviceAccount, namespace, oidc }: AgentSelector, policy: Policy) {
  const home = serviceAccount && (serviceAccount.namespace ?? namespaceOf(policy));
  return { name: serviceAccount?.name, namespace: home ?? namespace, provider: oidc?.provider };
}

function agree(left: string | undefined, right: string | undefined): boolean {
  return left === undefined || right === undefined || left === right;
}

function nameOf({ serviceAccount, namespace, oidc }: AgentSelector): string {
  if (serviceAccount) return `the service account ${serviceAccount.name}`;
  return namespace === undefined
    ? `an agent with a token of ${oidc?.provider ?? ""}`
    : `an agent of namespace ${namespace}`;
}

function handedOnBy(delegate: string): string {
  return `${exampleConnection()}---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: planner, namespace: shop }
spec:
  subjects: [{ serviceAccount: { name: planner } }]
  connections: { names: [orders-db] }
  allow:
    - name: read-orders
      delegate: ${delegate}
      postgres: { statements: [read], tables: [public.orders] }
---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: helper, namespace: shop }
spec:
  subjects:
    - serviceAccount: { name: helper }
      descendantsOf: { serviceAccount: { name: planner } }
  connections: { names: [orders-db] }
  allow:
    - name: read-orders
      postgres: { statements: [read], tables: [public.orders] }
`;
}
