/** The words of the model: links, rules, demands, and how the links of a chain come to one answer. */
import { statementsOf } from "#core/policy/protocols/postgres/request.ts";
import type { AllowRule, PostgresPermission } from "#core/api/kinds.gen.ts";
import type { Policy } from "#core/api/loaded.ts";
import type { Decision } from "#core/policy/decision.ts";
import type { Ancestor, Caller, Facts, Identity } from "#core/policy/facts.ts";
import { subjectFits } from "./model-subjects.ts";

export type Outcome = Decision["outcome"];
/** What is compared: not the texts, which are for people. */
export interface ModelDecision {
  readonly outcome: Outcome;
  readonly code: Decision["code"];
  readonly by: string | undefined;
  readonly obligations: Decision["obligations"];
  readonly observations: readonly { readonly outcome: Outcome; readonly by: string | undefined }[];
  readonly validUntilMs: number;
}
export interface ModelLink {
  readonly identity: Identity;
  readonly above: readonly Ancestor[];
  readonly handsOn: boolean;
}
export interface ModelRule {
  readonly policy: Policy;
  readonly effect: "allow" | "deny" | "ask";
  readonly rule: AllowRule;
  readonly block: PostgresPermission;
}
export type ModelDemand =
  | {
      readonly verb: string;
      readonly relation?: { schema: string; name: string };
      readonly unfiltered: boolean;
    }
  | { readonly schemas: readonly string[]; readonly name: string }
  | { readonly doubt: string };

export type Judged = Pick<ModelDecision, "outcome" | "code" | "by">;

export interface LinkJudgement {
  readonly link: ModelLink;
  readonly hits: readonly ModelRule[];
  readonly blind: readonly ModelRule[];
  readonly asks: readonly ModelRule[];
  readonly blindAsks: readonly ModelRule[];
  readonly grants: readonly ModelRule[];
  readonly covering: readonly ModelRule[];
  readonly uncovered: readonly ModelDemand[];
  readonly hasPolicy: boolean;
}

export function links({ identity, ancestors }: Caller): readonly ModelLink[] {
  const agents = ancestors.flatMap((ancestor, at) =>
    ancestor.kind === "agent"
      ? [{ identity: ancestor.identity, above: ancestors.slice(at + 1), handsOn: true }]
      : [],
  );
  return [{ identity, above: ancestors, handsOn: false }, ...agents];
}

export function selects(policy: Policy, { identity, above }: ModelLink): boolean {
  const { subjects } = policy.spec;
  return subjects === undefined || subjects.some((subject) => subjectFits(subject, policy, identity, above));
}

export function combine(each: readonly LinkJudgement[]): Judged {
  const hit = firstOf(each.flatMap(({ hits }) => hits));
  if (hit) return { outcome: "deny", code: "DENY_RULE", by: hit };
  for (const { link, grants, uncovered, hasPolicy } of each) {
    if (grants.length > 0 && uncovered.length === 0) continue;
    if (link.handsOn) return { outcome: "deny", code: "DENY_NOT_DELEGATED", by: undefined };
    if (!hasPolicy) return { outcome: "deny", code: "DENY_NO_POLICY", by: undefined };
    const code = uncovered.some((demand) => "doubt" in demand) ? "DENY_UNANALYSED" : "DENY_NO_RULE";
    return { outcome: "deny", code, by: undefined };
  }
  const blind = firstOf(each.flatMap((judged) => judged.blind));
  if (blind) return { outcome: "deny", code: "DENY_UNANALYSED", by: blind };
  const asked =
    firstOf(each.flatMap(({ asks }) => asks)) ?? firstOf(each.flatMap(({ blindAsks }) => blindAsks));
  if (asked) return { outcome: "ask", code: "ASK_RULE", by: asked };
  return { outcome: "allow", code: "ALLOWED", by: firstOf(each[0]?.covering ?? []) };
}

export function demandsOf({ request }: Facts): readonly ModelDemand[] {
  return statementsOf(request).flatMap(({ accesses, calls, doubts }): ModelDemand[] => [
    ...accesses,
    ...calls,
    ...doubts.map(({ code }) => ({ doubt: code })),
  ]);
}

export function isImplied(demand: ModelDemand): boolean {
  return "verb" in demand && (demand.verb === "transaction" || demand.verb === "session");
}

/** `kind namespace/policy effect rule`, the smallest in that spelling. */
export function firstOf(rules: readonly ModelRule[]): string | undefined {
  return rules
    .map(({ policy, effect, rule }) =>
      ruleName(policy.kind, policy.metadata.namespace, policy.metadata.name, effect, rule.name),
    )
    .sort()[0];
}

export function ruleName(
  kind: string,
  namespace: string | undefined,
  policy: string,
  effect: string,
  rule: string,
): string {
  return [kind, namespace ?? "", policy, effect, rule].join(" ");
}
