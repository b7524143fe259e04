/** Every lint. The code is what machines and `sallyport lint --about` know it by; the order is that of this table. */
import type { Finding, Lint, LintInput } from "./lint.ts";
import { anyOnMinted } from "./any-on-minted.ts";
import { broadRule } from "./broad-rule.ts";
import { broadSubject } from "./broad-subject.ts";
import { connectionWithoutPolicy } from "./connection-without-policy.ts";
import { duplicateRule } from "./duplicate-rule.ts";
import { expiredPolicy } from "./expired-policy.ts";
import { impossibleSubject } from "./impossible-subject.ts";
import { inlineCredential } from "./inline-credential.ts";
import { leakyRelation } from "./leaky-relation.ts";
import { maskBypass } from "./mask-bypass.ts";
import { maskWithoutReader } from "./mask-without-reader.ts";
import { nothingHandedOn } from "./nothing-handed-on.ts";
import { neverMatches } from "./never-matches.ts";
import { noConnection } from "./no-connection.ts";
import { openWhileObserving } from "./open-while-observing.ts";
import { ruleWithoutReason } from "./rule-without-reason.ts";
import { trustingUpstream } from "./trusting-upstream.ts";
import { shadowedRule } from "./shadowed-rule.ts";
import { weakAuthentication } from "./weak-authentication.ts";
import { wideKubernetes } from "./wide-kubernetes.ts";
import { worldOf } from "./world.ts";

export const LINTS = {
  EXPIRED_POLICY: expiredPolicy,
  NO_CONNECTION: noConnection,
  CONNECTION_WITHOUT_POLICY: connectionWithoutPolicy,
  IMPOSSIBLE_SUBJECT: impossibleSubject,
  NOTHING_HANDED_ON: nothingHandedOn,
  NEVER_MATCHES: neverMatches,
  SHADOWED_RULE: shadowedRule,
  DUPLICATE_RULE: duplicateRule,
  BROAD_RULE: broadRule,
  BROAD_SUBJECT: broadSubject,
  OPEN_WHILE_OBSERVING: openWhileObserving,
  ANY_ON_MINTED: anyOnMinted,
  WIDE_KUBERNETES: wideKubernetes,
  LEAKY_RELATION: leakyRelation,
  MASK_BYPASS: maskBypass,
  MASK_WITHOUT_READER: maskWithoutReader,
  INLINE_CREDENTIAL: inlineCredential,
  WEAK_AUTHENTICATION: weakAuthentication,
  TRUSTING_UPSTREAM: trustingUpstream,
  RULE_WITHOUT_REASON: ruleWithoutReason,
} as const satisfies Record<string, Lint>;

export type LintCode = keyof typeof LINTS;

export interface CodedFinding extends Finding {
  readonly code: LintCode;
}

export function lintKinds(input: LintInput): readonly CodedFinding[] {
  const world = worldOf(input);
  return (Object.keys(LINTS) as LintCode[]).flatMap((code) =>
    LINTS[code].find(world).map((finding) => ({ ...finding, code })),
  );
}
