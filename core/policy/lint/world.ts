/** The views of a loaded set that lints share: which rule stands where, and which connections it concerns. */
import type { Path } from "../../api/located.ts";
import type { AllowRule, Connection, DenyRule, SubjectSelector } from "../../api/kinds.gen.ts";
import type { Loaded, Policy } from "../../api/loaded.ts";
import { DEFAULT_NAMESPACE, readConnections, selectsConnection } from "../connection-selector.ts";
import { parseInstantMs } from "../instant.ts";
import type { Finding, LintInput, ObjectId } from "./lint.ts";

type Effect = "allow" | "deny" | "ask";

export interface PlacedRule {
  readonly policy: Policy;
  readonly effect: Effect;
  readonly rule: DenyRule & Pick<AllowRule, "delegate">;
  /** ["spec", "deny"] */
  readonly path: Path;
}

/** What lints look at: the loaded set with its cross-references drawn once, since a cluster may hold thousands. */
export interface World {
  readonly loaded: Loaded;
  readonly nowMs: number;
  /** Good ones; what a broken policy says is not known. */
  readonly policies: readonly Policy[];
  readonly rules: readonly PlacedRule[];
  readonly connectionsOf: (policy: Policy) => readonly Connection[];
  readonly policiesOn: (connection: Connection) => readonly Policy[];
}

export function worldOf({ loaded, nowMs }: LintInput): World {
  const policies = policiesIn(loaded);
  const connections = new Map(policies.map((policy) => [policy, selectedBy(policy, loaded)] as const));
  const selecting = new Map<Connection, Policy[]>(loaded.connections.map((connection) => [connection, []]));
  for (const [policy, selected] of connections) {
    for (const connection of selected) selecting.get(connection)?.push(policy);
  }
  return {
    loaded,
    nowMs,
    policies,
    rules: policies.flatMap(rulesOf),
    connectionsOf: (policy) => connections.get(policy) ?? [],
    policiesOn: (connection) => selecting.get(connection) ?? [],
  };
}

export function policiesIn({ policies }: Loaded): readonly Policy[] {
  return policies.flatMap((source) => (source.state === "good" ? [source.policy] : []));
}

/** Nothing can be told from the absence of something while a policy cannot be read. */
export function isSomethingBroken({ loaded }: World): boolean {
  return loaded.policies.some(({ state }) => state === "broken");
}

export function rulesOf(policy: Policy): readonly PlacedRule[] {
  const rules = policy.kind === "SecretAccessPolicy" ? { allow: policy.spec.allow ?? [] } : { allow: [] };
  const place = (effect: Effect, list: readonly DenyRule[]): PlacedRule[] =>
    list.map((rule, index) => ({ policy, effect, rule, path: ["spec", effect, index] }));
  return [
    ...place("allow", rules.allow),
    ...place("deny", policy.spec.deny ?? []),
    ...place("ask", policy.spec.ask ?? []),
  ];
}

function selectedBy(policy: Policy, { connections }: Loaded): readonly Connection[] {
  const selector = readConnections(policy.spec.connections, namespaceOf(policy), "", () => {});
  return connections.filter(({ metadata: { namespace = DEFAULT_NAMESPACE, name, labels } }) =>
    selectsConnection(selector, { namespace, name, labels: new Map(Object.entries(labels ?? {})) }),
  );
}

/** Undefined for a guardrail, which has none. */
export function namespaceOf(policy: Policy): string | undefined {
  return policy.kind === "SecretAccessPolicy" ? (policy.metadata.namespace ?? DEFAULT_NAMESPACE) : undefined;
}

export function hasExpired({ spec }: Policy, nowMs: number): boolean {
  const expiresMs = spec.expires === undefined ? undefined : parseInstantMs(spec.expires);
  return expiresMs !== undefined && expiresMs <= nowMs;
}

/** Whether what it says counts now: neither over nor only watching. */
export function isInForce(policy: Policy, nowMs: number): boolean {
  return policy.spec.mode !== "observe" && !hasExpired(policy, nowMs);
}

export function subjectsOf(policy: Policy): readonly SubjectSelector[] {
  return policy.spec.subjects ?? [];
}

export function finding(policy: Policy, path: Path, message: string): Finding {
  return { object: idOf(policy), path, message };
}

export function idOf(object: Policy | Connection): ObjectId {
  const { namespace, name } = object.metadata;
  return { kind: object.kind, name, ...(namespace !== undefined && { namespace }) };
}
