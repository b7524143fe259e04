/**
 * Weighs the demands of a request against the policies that speak of it. Every link must have its own right, a denial
 * at any link counts, and what any link asks a person for is asked. Order of policies and rules never matters: it only
 * settles which of several rules is named.
 */
import type { DecisionCode, Outcome, RuleRef } from "./decision.ts";
import type { CompiledPolicy, CompiledRule } from "./plan.ts";
import type { ProtocolName, RuleFamily, Touch } from "./protocols/family.ts";
import { familyOf } from "./protocols/table.ts";
import type { Link } from "./selection.ts";
import { sayIdentity } from "./words.ts";

export interface LinkWithPolicies extends Link {
  readonly enforcing: readonly CompiledPolicy[];
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly code: DecisionCode;
  readonly by?: RuleRef;
  /** The rule's own reason. */
  readonly reason?: string;
  /** What an agent can act on beside the code's text: the demand without a rule, the ancestor without the right. */
  readonly detail?: string;
}

/** What one link's policies make of each demand. */
export interface LinkWeight {
  readonly link: LinkWithPolicies;
  /** Allow and ask rules that permit something at this link. */
  readonly usable: readonly CompiledRule[];
  /** For each demand the first rule that covers it. */
  readonly coveredBy: readonly (CompiledRule | undefined)[];
  readonly vouched: readonly boolean[];
}

export interface Weighing {
  readonly family: RuleFamily;
  readonly protocol: ProtocolName;
  readonly demands: readonly unknown[];
}

export function weigh(links: readonly LinkWithPolicies[], weighing: Weighing): Verdict {
  const weights = links.map((link) => weighLink(link, weighing));
  const denied = firstTouched(weights, weighing, "deny", "hit");
  if (denied) return { outcome: "deny", code: "DENY_RULE", ...named(denied) };
  for (const weight of weights) {
    const refusal = refusalAt(weight, weighing);
    if (refusal) return refusal;
  }
  const blind = firstTouched(weights, weighing, "deny", "blind");
  if (blind) {
    const detail = blindDetail(weights, weighing, blind);
    return { outcome: "deny", code: "DENY_UNANALYSED", by: blind.ref, detail };
  }
  const asked =
    firstTouched(weights, weighing, "ask", "hit") ?? firstTouched(weights, weighing, "ask", "blind");
  if (asked) return { outcome: "ask", code: "ASK_RULE", ...named(asked) };
  const first = weights[0] && firstGrant(weights[0]);
  return first
    ? { outcome: "allow", code: "ALLOWED", by: first.ref }
    : { outcome: "deny", code: "DENY_NO_POLICY" };
}

export function weighingOf(protocol: ProtocolName, request: unknown): Weighing {
  const family = familyOf(protocol);
  return { family, protocol, demands: family.demands(request) };
}

export function weighLink(link: LinkWithPolicies, { family, protocol, demands }: Weighing): LinkWeight {
  const usable = usableRules(link, protocol);
  const coveredBy = demands.map((demand) =>
    family.isImplied(demand) ? usable[0] : usable.find((rule) => family.covers(rule.matcher, demand)),
  );
  const vouched = demands.map((demand) => usable.some((rule) => family.vouches(rule.matcher, demand)));
  return { link, usable, coveredBy, vouched };
}

/** `no` may be used and not handed on, `only` may be handed on and not used, `also` both. */
export function isUsable({ delegate }: Pick<CompiledRule, "delegate">, role: Link["role"]): boolean {
  return role === "uses" ? delegate !== "only" : delegate !== "no";
}

export function touchOf(rule: CompiledRule, at: number, { vouched }: LinkWeight, weighing: Weighing): Touch {
  return weighing.family.touches(rule.matcher, weighing.demands[at], vouched[at] === true);
}

function usableRules({ enforcing, role }: LinkWithPolicies, protocol: ProtocolName): readonly CompiledRule[] {
  const rules: CompiledRule[] = [];
  for (const policy of enforcing) {
    // A guardrail's ask only ever turns an allow into a question.
    if (policy.isGuardrail) continue;
    const { allow, ask } = policy.protocols[protocol];
    for (const rule of allow) if (isUsable(rule, role)) rules.push(rule);
    for (const rule of ask) if (isUsable(rule, role)) rules.push(rule);
  }
  return rules;
}

function refusalAt(
  { link, usable, coveredBy }: LinkWeight,
  { family, demands }: Weighing,
): Verdict | undefined {
  const uncovered = demands.filter((_, at) => coveredBy[at] === undefined);
  if (usable.length > 0 && uncovered.length === 0) return undefined;
  if (link.role === "hands on") {
    const what = uncovered[0] === undefined ? "" : ` for ${family.say(uncovered[0])}`;
    return { outcome: "deny", code: "DENY_NOT_DELEGATED", detail: `${sayIdentity(link.identity)}${what}` };
  }
  if (!link.enforcing.some(({ isGuardrail }) => !isGuardrail))
    return { outcome: "deny", code: "DENY_NO_POLICY" };
  const doubt = uncovered.map((demand) => family.doubtOf(demand)).find((text) => text !== undefined);
  if (doubt !== undefined) return { outcome: "deny", code: "DENY_UNANALYSED", detail: doubt };
  const [first] = uncovered;
  return {
    outcome: "deny",
    code: "DENY_NO_RULE",
    ...(first === undefined ? {} : { detail: family.say(first) }),
  };
}

/** The first rule, in asking order over all links, that some demand touches in that way. */
function firstTouched(
  weights: readonly LinkWeight[],
  weighing: Weighing,
  effect: "deny" | "ask",
  touch: Touch,
): CompiledRule | undefined {
  let first: { readonly rule: CompiledRule; readonly order: number; readonly at: number } | undefined;
  for (const weight of weights) {
    for (const { order, protocols } of weight.link.enforcing) {
      if (first && order > first.order) break;
      const rules = protocols[weighing.protocol][effect];
      const at = rules.findIndex((rule) => isTouched(rule, weight, weighing, touch));
      const rule = rules[at];
      if (rule && (!first || order < first.order || at < first.at)) first = { rule, order, at };
    }
  }
  return first?.rule;
}

function isTouched(rule: CompiledRule, weight: LinkWeight, weighing: Weighing, touch: Touch): boolean {
  const { demands, family } = weighing;
  if (demands.length === 0) {
    return touch === "hit" && rule.ref.effect === "deny" && family.closesSession(rule.matcher);
  }
  for (let at = 0; at < demands.length; at += 1)
    if (touchOf(rule, at, weight, weighing) === touch) return true;
  return false;
}

function blindDetail(weights: readonly LinkWeight[], weighing: Weighing, rule: CompiledRule): string {
  for (const weight of weights) {
    for (let at = 0; at < weighing.demands.length; at += 1) {
      if (touchOf(rule, at, weight, weighing) === "blind") return weighing.family.say(weighing.demands[at]);
    }
  }
  return "";
}

/** In asking order, whichever demand comes first in the statement. */
function firstGrant({ usable, coveredBy }: LinkWeight): CompiledRule | undefined {
  if (coveredBy.length === 0) return usable[0];
  return usable.find((rule) => coveredBy.includes(rule));
}

function named({ ref, reason }: CompiledRule): Pick<Verdict, "by" | "reason"> {
  return reason === undefined ? { by: ref } : { by: ref, reason };
}
