/** What a decision says. Codes and fields are public vocabulary: CRD condition, metric, log, refusal and trail use them. */

export type Outcome = "allow" | "ask" | "deny";

/** Every code, with what it tells an agent when no rule brings a reason of its own. */
export const DECISION_CODES = {
  ALLOWED: "allowed by policy",
  OBSERVED: "passes because only policies in observe mode select it",
  ASK_RULE: "needs the approval of a person",
  DENY_RULE: "refused by a policy rule",
  DENY_NO_RULE: "no rule allows this",
  DENY_NO_POLICY: "no policy gives this subject access to this connection",
  DENY_NOT_DELEGATED: "an agent above this one may not hand this on",
  DENY_UNANALYSED: "it cannot be told what this would do",
  DENY_POLICY_INVALID: "a policy for this connection is broken; nothing passes until it is mended",
  DENY_FACTS_INVALID: "the gateway did not give whole facts to decide from",
  DENY_UNKNOWN_CONNECTION: "there is no such connection",
  DENY_PROTOCOL: "the connection speaks another protocol",
  OBLIGATION_UNSUPPORTED: "this gateway cannot carry out what the policy demands",
} as const satisfies Record<string, string>;
export type DecisionCode = keyof typeof DECISION_CODES;

/** The rule behind a decision, in the words an operator searches for. */
export interface RuleRef {
  readonly kind: "SecretAccessPolicy" | "ClusterSecretAccessPolicy";
  /** Absent for cluster guardrails. */
  readonly namespace?: string;
  readonly policy: string;
  /** `sha256:` of the policy's spec, so that the trail pins the exact text. */
  readonly hash: string;
  readonly effect: "allow" | "deny" | "ask";
  readonly rule: string;
}

export type MaskAction = "redact" | "nullify";

export interface ColumnMask {
  /** `*` in schema or table stands for any. */
  readonly schema: string;
  readonly table: string;
  readonly column: string;
  readonly action: MaskAction;
}

export interface Limits {
  readonly rows?: number;
  readonly bytes?: number;
  readonly statements?: number;
  readonly sessionSeconds?: number;
  readonly concurrentSessions?: number;
}

/** The union over every policy that selects the caller, or an agent above it, for this connection. */
export interface Obligations {
  readonly mask: readonly ColumnMask[];
  readonly limits: Limits;
  readonly whenParentEnds: "finish" | "end";
}

/** What a policy in observe mode would have done. */
export interface Observation {
  readonly outcome: Outcome;
  readonly rule?: RuleRef;
  readonly policy: string;
}

export interface Decision {
  readonly outcome: Outcome;
  readonly code: DecisionCode;
  /** The rule that decided: the refusing one, the asking one, or the first of those that together allowed. */
  readonly by?: RuleRef;
  /** Safe to show to the agent: the rule's own reason, or the code's text. */
  readonly publicText: string;
  readonly obligations: Obligations;
  readonly observations: readonly Observation[];
  /** The decision holds until then: the first expiry among the policies that took part. Infinity when none has one. */
  readonly validUntilMs: number;
}
