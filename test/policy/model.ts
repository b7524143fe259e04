/**
 * The policy language a second time: slow, plain, from the kinds themselves, sharing nothing with `core/policy`.
 * Knows only what the generators write (no quoted names). Its parts can be replaced one by one, which is how the
 * properties are shown to be able to fail (`planted.ts`).
 */
import type { AllowRule } from "#core/api/kinds.gen.ts";
import type { Policy } from "#core/api/loaded.ts";
import type { Sources } from "#core/policy/compile.ts";
import type { Decision } from "#core/policy/decision.ts";
import type { Facts } from "#core/policy/facts.ts";
import { PARTS, type ModelParts } from "./model-parts.ts";
import {
  type Judged,
  type LinkJudgement,
  type ModelDecision,
  type ModelDemand,
  type ModelLink,
  type ModelRule,
  demandsOf,
  isImplied,
} from "./model-terms.ts";

export function modelDecide(
  sources: Sources,
  facts: Facts,
  replaced: Partial<ModelParts> = {},
): ModelDecision {
  const parts = { ...PARTS, ...replaced };
  const connection = sources.connections.find(
    ({ metadata }) =>
      metadata.namespace === facts.connection.namespace && metadata.name === facts.connection.name,
  );
  if (connection === undefined) return refusal("DENY_UNKNOWN_CONNECTION");
  const here = sources.policies
    .flatMap((source) => (source.state === "good" ? [source.policy] : []))
    .filter((policy) => parts.reaches(policy, connection));
  const links = parts.linksOf(facts.caller);
  const selecting = sorted(
    here.filter(
      (policy) => parts.inForce(policy, facts.nowMs) && links.some((link) => parts.selects(policy, link)),
    ),
  );
  const enforcing = selecting.filter((policy) => policy.spec.mode !== "observe");
  const observing = selecting.filter((policy) => policy.spec.mode === "observe");
  const demands = demandsOf(facts);
  const rest = {
    obligations: parts.obligations(enforcing),
    validUntilMs: parts.validUntilMs(selecting),
    observations: observing.map((policy) => {
      const { outcome, by } = weigh(links, sorted([...enforcing, policy]), demands, parts);
      return { outcome, by };
    }),
  };
  if (parts.isClosed(sources, connection)) return { ...refusal("DENY_POLICY_INVALID"), ...rest };
  if (parts.passesObserved(links, enforcing, observing)) {
    return { outcome: "allow", code: "OBSERVED", by: undefined, ...rest };
  }
  return { ...weigh(links, enforcing, demands, parts), ...rest };
}

function weigh(
  chain: readonly ModelLink[],
  policies: readonly Policy[],
  demands: readonly ModelDemand[],
  parts: ModelParts,
): Judged {
  const each = chain.map((link) =>
    weighLink(
      link,
      policies.filter((policy) => parts.selects(policy, link)),
      demands,
      parts,
    ),
  );
  return parts.combine(each);
}

function weighLink(
  link: ModelLink,
  policies: readonly Policy[],
  demands: readonly ModelDemand[],
  parts: ModelParts,
): LinkJudgement {
  const rules = policies.flatMap(rulesOf);
  const grants = rules.filter((rule) => parts.mayGrant(rule) && parts.usable(rule.rule, link));
  const covers = (rule: ModelRule, demand: ModelDemand): boolean =>
    isImplied(demand) || parts.covers(rule, demand);
  const vouched = (demand: ModelDemand): boolean => grants.some((rule) => parts.vouches(rule, demand));
  const touching = (effect: "deny" | "ask", touch: "hit" | "blind"): ModelRule[] =>
    rules.filter(
      (rule) =>
        rule.effect === effect &&
        (demands.length === 0
          ? effect === "deny" && touch === "hit" && parts.closesSession(rule)
          : demands.some((demand) => parts.touches(rule, demand, vouched(demand)) === touch)),
    );
  return {
    link,
    hits: touching("deny", "hit"),
    blind: touching("deny", "blind"),
    asks: touching("ask", "hit"),
    blindAsks: touching("ask", "blind"),
    grants,
    covering: grants.filter((rule) => demands.length === 0 || demands.some((demand) => covers(rule, demand))),
    uncovered: demands.filter((demand) => !grants.some((rule) => covers(rule, demand))),
    hasPolicy: policies.some(({ kind }) => kind === "SecretAccessPolicy"),
  };
}

export function rulesOf(policy: Policy): readonly ModelRule[] {
  const { spec } = policy;
  const allow = "allow" in spec ? (spec.allow ?? []) : [];
  const rows = (effect: ModelRule["effect"], rules: readonly AllowRule[]): ModelRule[] =>
    rules.map((rule) => ({ policy, effect, rule, block: rule.postgres ?? {} }));
  return [...rows("allow", allow), ...rows("deny", spec.deny ?? []), ...rows("ask", spec.ask ?? [])];
}

function sorted(policies: readonly Policy[]): readonly Policy[] {
  const key = ({ kind, metadata }: Policy): string =>
    [kind, metadata.namespace ?? "", metadata.name].join(" ");
  return policies.toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function refusal(code: Decision["code"]): ModelDecision {
  const obligations = { mask: [], limits: {}, whenParentEnds: "finish" } as const;
  return { outcome: "deny", code, by: undefined, obligations, observations: [], validUntilMs: Infinity };
}
