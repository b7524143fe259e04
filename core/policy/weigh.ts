/**
 * Weighs the demands of a request against the policies that speak of it. Every link must have its own right, a denial
 * at any link counts, and what any link asks a person for is asked. Order of policies and rules never matters: it only
 * settles which of several rules is named.
 */
import type { DecisionCode, Outcome, RuleRef } from "./decision.ts";
import type { CompiledPolicy, CompiledRule } from "./plan.ts";
import type { ProtocolName, RuleFamily, Touch } from "./protocols/family.ts";
import { familyOf } from "./protocols/table.ts";
import { NOT_FOUND, type RuleList, findRule } from "./rule-list.ts";
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

export interface Weighing {
  readonly family: RuleFamily;
  readonly protocol: ProtocolName;
  /** Empty when the question is only whether a session may exist. */
  readonly demands: readonly WeighedDemand[];
}

/** A demand with what the family says of it once, instead of at every rule. */
export interface WeighedDemand {
  readonly demand: unknown;
  readonly keys: readonly string[] | undefined;
  readonly isImplied: boolean;
  readonly canBeVouched: boolean;
}

/** What one link's policies make of each demand. */
export interface LinkWeight {
  readonly link: LinkWithPolicies;
  /** The first rule that permits anything at all at this link. */
  readonly anyGrant: Place | undefined;
  /** For each demand the first rule that covers it. */
  readonly coveredBy: readonly (Place | undefined)[];
  readonly vouched: readonly boolean[];
}

/** A rule and its place in the asking order. */
interface Place {
  readonly rule: CompiledRule;
  readonly order: number;
  readonly at: number;
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
  const grant = weights[0] && firstGrant(weights[0]);
  return grant
    ? { outcome: "allow", code: "ALLOWED", by: grant.rule.ref }
    : { outcome: "deny", code: "DENY_NO_POLICY" };
}

export function weighingOf(protocol: ProtocolName, request: unknown): Weighing {
  const family = familyOf(protocol);
  const demands = family.demands(request).map((demand) => ({
    demand,
    keys: family.keysOfDemand(demand),
    isImplied: family.isImplied(demand),
    canBeVouched: family.canBeVouched(demand),
  }));
  return { family, protocol, demands };
}

export function weighLink(link: LinkWithPolicies, weighing: Weighing): LinkWeight {
  const { family, demands } = weighing;
  const anyGrant = findGrant(link, weighing, undefined, () => true);
  const coveredBy = demands.map(({ demand, keys, isImplied }) =>
    isImplied ? anyGrant : findGrant(link, weighing, keys, ({ matcher }) => family.covers(matcher, demand)),
  );
  const vouched = demands.map(
    ({ demand, keys, canBeVouched }) =>
      canBeVouched &&
      findGrant(link, weighing, keys, ({ matcher }) => family.vouches(matcher, demand)) !== undefined,
  );
  return { link, anyGrant, coveredBy, vouched };
}

export function touchOf(rule: CompiledRule, at: number, { vouched }: LinkWeight, weighing: Weighing): Touch {
  return weighing.family.touches(rule.matcher, weighing.demands[at]?.demand, vouched[at] === true);
}

function findGrant(
  { enforcing, role }: LinkWithPolicies,
  { protocol }: Weighing,
  keys: readonly string[] | undefined,
  test: (rule: CompiledRule) => boolean,
): Place | undefined {
  for (const { order, protocols } of enforcing) {
    const grants = protocols[protocol].grants[role];
    const at = findRule(grants, keys, test);
    const rule = grants.all[at];
    if (rule !== undefined) return { rule, order, at };
  }
  return undefined;
}

function refusalAt(
  { link, anyGrant, coveredBy }: LinkWeight,
  { family, demands }: Weighing,
): Verdict | undefined {
  if (anyGrant !== undefined && !coveredBy.includes(undefined)) return undefined;
  const uncovered = demands.filter((_, at) => coveredBy[at] === undefined).map(({ demand }) => demand);
  if (link.role === "hands on") {
    const what = uncovered.length === 0 ? "" : ` for ${family.say(uncovered[0])}`;
    return { outcome: "deny", code: "DENY_NOT_DELEGATED", detail: `${sayIdentity(link.identity)}${what}` };
  }
  if (link.enforcing.every(({ isGuardrail }) => isGuardrail))
    return { outcome: "deny", code: "DENY_NO_POLICY" };
  const doubt = uncovered.map((demand) => family.doubtOf(demand)).find((text) => text !== undefined);
  if (doubt !== undefined) return { outcome: "deny", code: "DENY_UNANALYSED", detail: doubt };
  if (uncovered.length === 0) return { outcome: "deny", code: "DENY_NO_RULE" };
  const closed = family.whyClosed(uncovered[0]);
  const detail = family.say(uncovered[0]) + (closed === undefined ? "" : `, and none can: ${closed}`);
  return { outcome: "deny", code: "DENY_NO_RULE", detail };
}

/** The first rule, in asking order over all links, that some demand touches in that way. */
function firstTouched(
  weights: readonly LinkWeight[],
  weighing: Weighing,
  effect: "deny" | "ask",
  touch: "hit" | "blind",
): CompiledRule | undefined {
  let first: Place | undefined;
  for (const weight of weights) {
    for (const { order, protocols } of weight.link.enforcing) {
      if (first && order > first.order) break;
      const list = protocols[weighing.protocol][effect];
      const at = list.all.length === 0 ? NOT_FOUND : placeTouched(list, weight, weighing, touch);
      const rule = list.all[at];
      if (rule && (!first || order < first.order || at < first.at)) first = { rule, order, at };
    }
  }
  return first?.rule;
}

function placeTouched(
  list: RuleList,
  weight: LinkWeight,
  weighing: Weighing,
  touch: "hit" | "blind",
): number {
  const { demands, family } = weighing;
  if (demands.length === 0) {
    if (touch === "blind") return NOT_FOUND;
    return list.all.findIndex(({ ref, matcher }) => ref.effect === "deny" && family.closesSession(matcher));
  }
  let first = NOT_FOUND;
  demands.forEach(({ keys, canBeVouched }, at) => {
    const isBlind = keys === undefined || (canBeVouched && weight.vouched[at] !== true);
    if (touch === "blind" && !isBlind) return;
    const place = findRule(
      list,
      touch === "blind" ? undefined : keys,
      (rule) => touchOf(rule, at, weight, weighing) === touch,
    );
    if (first === NOT_FOUND || (place !== NOT_FOUND && place < first)) first = place;
  });
  return first;
}

function blindDetail(weights: readonly LinkWeight[], weighing: Weighing, rule: CompiledRule): string {
  for (const weight of weights) {
    for (const [at, { demand }] of weighing.demands.entries()) {
      if (touchOf(rule, at, weight, weighing) === "blind") return weighing.family.say(demand);
    }
  }
  return "";
}

/** In asking order, whichever demand comes first in the statement. */
function firstGrant({ anyGrant, coveredBy }: LinkWeight): Place | undefined {
  let first: Place | undefined;
  for (const place of coveredBy) if (place && (!first || isEarlier(place, first))) first = place;
  return first ?? anyGrant;
}

function isEarlier(a: Place, b: Place): boolean {
  return a.order === b.order ? a.at < b.at : a.order < b.order;
}

function named({ ref, reason }: CompiledRule): Pick<Verdict, "by" | "reason"> {
  return reason === undefined ? { by: ref } : { by: ref, reason };
}
