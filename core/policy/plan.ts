/** What policies are compiled to. Made once by `compile`, never changed, shared by every decision until the next one. */
import type { Diagnostic } from "#core/api/diagnostic.ts";
import type { PolicyId } from "#core/api/loaded.ts";
import type { ColumnMask, Limits, RuleRef } from "./decision.ts";
import type { ProtocolName } from "./protocols/family.ts";
import type { ConnectionSelector } from "./connection-selector.ts";
import type { RuleList } from "./rule-list.ts";
import type { SubjectMatcher } from "./subject.ts";
import type { SubjectIndex } from "./subject-index.ts";

export interface Plan {
  /** In the order in which rules are asked: guardrails first, then by namespace and name; never the order of files. */
  readonly policies: readonly CompiledPolicy[];
  /** By namespace, then name. */
  readonly connections: ReadonlyMap<string, ReadonlyMap<string, ConnectionPlan>>;
  /** Policies that are broken, and what each of them closes. */
  readonly broken: readonly BrokenPolicy[];
}

export interface ConnectionPlan {
  readonly namespace: string;
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly protocol: ProtocolName;
  /** Policies that select every connection there is; one index for all connections. */
  readonly everywhere: SubjectIndex;
  /** The other policies that select this connection. */
  readonly here: SubjectIndex;
  /** Nothing passes while this is not empty. */
  readonly brokenBy: readonly BrokenPolicy[];
}

export interface CompiledPolicy {
  /** Place in `Plan.policies`. */
  readonly order: number;
  readonly id: PolicyId;
  readonly hash: string;
  readonly origin: string;
  readonly isGuardrail: boolean;
  readonly observes: boolean;
  /** Infinity when it never ends. */
  readonly expiresMs: number;
  /** Undefined: every subject. */
  readonly subjects: readonly SubjectMatcher[] | undefined;
  readonly connections: ConnectionSelector;
  readonly protocols: Readonly<Record<ProtocolName, ProtocolRules>>;
  readonly limits: Limits;
  readonly whenParentEnds: "finish" | "end";
  /** Not empty when this is the last good version of a policy that was broken since. */
  readonly stale: readonly Diagnostic[];
}

/** The part of a policy that concerns one protocol; rules are sorted by name. */
export interface ProtocolRules {
  readonly deny: RuleList;
  readonly ask: RuleList;
  /** Allow and ask rules that permit something to whoever uses them, or hands them on. Empty in a guardrail. */
  readonly grants: Readonly<Record<LinkRole, RuleList>>;
  /** All that could ever permit something, `delegate` aside; for explanations. */
  readonly permitting: readonly CompiledRule[];
  readonly mask: readonly KeyedMask[];
}

export interface KeyedMask {
  /** The column pattern, by which masks of several policies are brought together. */
  readonly key: string;
  readonly mask: ColumnMask;
}

/** The caller uses its rights; the agents above it hand theirs on. */
export type LinkRole = "uses" | "hands on";

export interface CompiledRule {
  readonly ref: RuleRef;
  readonly reason: string | undefined;
  readonly delegate: "no" | "also" | "only";
  /** Opaque here: it belongs to the family of the protocol under which the rule stands. */
  readonly matcher: unknown;
}

export interface BrokenPolicy {
  readonly origin: string;
  readonly id: PolicyId | undefined;
  readonly closes: ConnectionSelector;
  readonly problems: readonly Problem[];
}

export interface Problem {
  /** `spec.deny[0].postgres.tables[1]`. */
  readonly path: string;
  readonly message: string;
}
