/** The views of a loaded set that lints share: which rule stands where, and which connections it concerns. */
import type { Path } from "../../api/located.ts";
import type { AllowRule, Connection, DenyRule, SubjectSelector } from "../../api/kinds.gen.ts";
import type { Policy } from "../../api/loaded.ts";
import {
  DEFAULT_NAMESPACE,
  readConnections,
  selectsConnection as isSelected,
} from "../connection-selector.ts";
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

export function policiesIn({ loaded }: Pick<LintInput, "loaded">): readonly Policy[] {
  return loaded.policies.flatMap((source) => (source.state === "good" ? [source.policy] : []));
}

/** What a broken policy says is not known, so that nothing can be told from the absence of something. */
export function isSomethingBroken({ loaded }: Pick<LintInput, "loaded">): boolean {
  return loaded.policies.some(({ state }) => state === "broken");
}

export function rulesIn(input: LintInput): readonly PlacedRule[] {
  return policiesIn(input).flatMap(rulesOf);
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

export function connectionsOf(policy: Policy, { loaded }: LintInput): readonly Connection[] {
  return loaded.connections.filter((connection) => selectsConnection(policy, connection));
}

export function selectsConnection(policy: Policy, { metadata }: Connection): boolean {
  const selector = readConnections(policy.spec.connections, namespaceOf(policy), "", () => {});
  return isSelected(selector, {
    namespace: metadata.namespace ?? DEFAULT_NAMESPACE,
    name: metadata.name,
    labels: new Map(Object.entries(metadata.labels ?? {})),
  });
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
