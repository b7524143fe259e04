/**
 * Why a decision is what it is: for every link and every demand the rules that cover it, those that refuse or ask, and
 * those that came close. Built from the matchers that decide, so that it cannot tell another story.
 */
import type { Decision, RuleRef } from "./decision.ts";
import { connectionOf, decide } from "./decide.ts";
import { type ClosedBy, type PolicyNote, closedBy, notSelecting } from "./explain-selection.ts";
import type { Facts } from "./facts.ts";
import { isUsable } from "./compile-rules.ts";
import type { CompiledPolicy, CompiledRule, Plan } from "./plan.ts";
import { type SelectedLink, isExpired, select } from "./selection.ts";
import {
  type LinkWeight,
  type WeighedDemand,
  type Weighing,
  touchOf,
  weighLink,
  weighingOf,
} from "./weigh.ts";
import { areWholeFacts } from "./whole-facts.ts";
import { sayIdentity, sayPolicy } from "./words.ts";

export interface Explanation {
  readonly decision: Decision;
  /** The caller first, then each agent above it. Empty when the facts or the connection are not known. */
  readonly links: readonly LinkExplanation[];
  /** Broken policies that close this connection. */
  readonly closedBy: readonly ClosedBy[];
  /** Policies that take no part: wrong connection, wrong subject, expired. Nearest first. */
  readonly notSelecting: readonly PolicyNote[];
  /** How many more of those there are. */
  readonly notSelectingOmitted: number;
}

export interface LinkExplanation {
  readonly who: string;
  readonly role: "uses" | "hands on";
  readonly enforcing: readonly string[];
  readonly observing: readonly string[];
  readonly demands: readonly DemandExplanation[];
  /** What this link has no right to: for an agent above, what it withholds. */
  readonly withheld: readonly string[];
}

export interface DemandExplanation {
  /** `read on public.orders`, or `a session` when nothing else is asked. */
  readonly demand: string;
  readonly coveredBy: readonly RuleRef[];
  /** Deny and ask rules that it meets. */
  readonly metBy: readonly RuleNote[];
  /** Allow and ask rules that do not cover it, the one that lacks least first. */
  readonly cameClose: readonly RuleNote[];
  /** Deny and ask rules that it does not meet. */
  readonly notMet: readonly RuleNote[];
}

export interface RuleNote {
  readonly rule: RuleRef;
  readonly why: string;
}

/** Enough for a person to read; `cameClose` keeps the best. */
const NOTES_MAX = 20;

const SESSION = "a session";

export function explain(plan: Plan, facts: Facts): Explanation {
  const decision = decide(plan, facts);
  const connection = areWholeFacts(facts) ? connectionOf(plan, facts) : undefined;
  if (connection === undefined) {
    return { decision, links: [], closedBy: [], notSelecting: [], notSelectingOmitted: 0 };
  }
  const { links } = select(plan, connection, facts.caller, facts.nowMs);
  const speaks = facts.request.protocol === connection.protocol;
  const weighing = speaks ? weighingOf(connection.protocol, facts.request) : undefined;
  const notes = notSelecting(plan, connection, links, (policy) => isExpired(policy, facts.nowMs));
  return {
    decision,
    links: links.map((link) => explainLink(link, weighing)),
    closedBy: closedBy(connection),
    notSelecting: notes.slice(0, NOTES_MAX),
    notSelectingOmitted: Math.max(0, notes.length - NOTES_MAX),
  };
}

function explainLink(link: SelectedLink, weighing: Weighing | undefined): LinkExplanation {
  const weight = weighing && weighLink(link, weighing);
  const demands = weight && weighing ? explainDemands(weight, weighing) : [];
  return {
    who: sayIdentity(link.identity),
    role: link.role,
    enforcing: link.enforcing.map(({ id }) => sayPolicy(id)),
    observing: link.observing.map(({ id }) => sayPolicy(id)),
    demands,
    withheld: demands.filter(({ coveredBy }) => coveredBy.length === 0).map(({ demand }) => demand),
  };
}

function explainDemands(weight: LinkWeight, weighing: Weighing): readonly DemandExplanation[] {
  if (weighing.demands.length > 0) {
    return weighing.demands.map((weighed, at) => explainDemand(weight, weighing, weighed, at));
  }
  const { family } = weighing;
  const denies = rulesOf(weight.link.enforcing, weighing, ["deny"]);
  const usable = usableRules(weight, weighing);
  const closing = denies.filter(({ matcher }) => family.closesSession(matcher));
  return [
    {
      demand: SESSION,
      coveredBy: usable.map(({ ref }) => ref),
      metBy: closing.map(({ ref }) => ({ rule: ref, why: "it means every statement" })),
      cameClose: grantsOf(weight, weighing)
        .filter((rule) => !usable.includes(rule))
        .map(({ ref, delegate }) => ({ rule: ref, why: whyUnusable(delegate) })),
      notMet: [],
    },
  ];
}

function explainDemand(
  weight: LinkWeight,
  weighing: Weighing,
  { demand, isImplied }: WeighedDemand,
  at: number,
): DemandExplanation {
  const { family } = weighing;
  const usable = usableRules(weight, weighing);
  const coversIt = (rule: CompiledRule): boolean => isImplied || family.covers(rule.matcher, demand);
  const restrictions = rulesOf(weight.link.enforcing, weighing, ["deny", "ask"]).map((rule) => ({
    rule: rule.ref,
    why: family.whyTouched(rule.matcher, demand, weight.vouched[at] === true),
    met: touchOf(rule, at, weight, weighing) !== "none",
  }));
  const note = ({ rule, why }: RuleNote): RuleNote => ({ rule, why });
  return {
    demand: family.say(demand),
    coveredBy: usable.filter(coversIt).map(({ ref }) => ref),
    metBy: restrictions.filter(({ met }) => met).map(note),
    notMet: restrictions
      .filter(({ met }) => !met)
      .map(note)
      .slice(0, NOTES_MAX),
    cameClose: grantsOf(weight, weighing)
      .filter((rule) => !usable.includes(rule) || !coversIt(rule))
      .map((rule) => ({
        rule: rule.ref,
        lacks: lacksOf(rule, weight, isImplied ? [] : family.whyNotCovered(rule.matcher, demand)),
      }))
      .toSorted((a, b) => a.lacks.length - b.lacks.length)
      .slice(0, NOTES_MAX)
      .map(({ rule, lacks }) => ({ rule, why: lacks.join("; ") })),
  };
}

function lacksOf(
  { delegate }: CompiledRule,
  { link }: LinkWeight,
  lacks: readonly string[],
): readonly string[] {
  return isUsable({ delegate }, link.role) ? lacks : [...lacks, whyUnusable(delegate)];
}

function whyUnusable(delegate: CompiledRule["delegate"]): string {
  return delegate === "only"
    ? "delegate: only lets it be handed on, not used"
    : `delegate: ${delegate} lets it be used, not handed on`;
}

/** Rules that could permit something, usable at this link or not. */
function grantsOf({ link }: LinkWeight, { protocol }: Weighing): readonly CompiledRule[] {
  return link.enforcing.flatMap(({ protocols }) => protocols[protocol].permitting);
}

function usableRules({ link }: LinkWeight, { protocol }: Weighing): readonly CompiledRule[] {
  return link.enforcing.flatMap(({ protocols }) => protocols[protocol].grants[link.role].all);
}

function rulesOf(
  policies: readonly CompiledPolicy[],
  { protocol }: Weighing,
  effects: readonly ("deny" | "ask")[],
): readonly CompiledRule[] {
  return policies.flatMap(({ protocols }) => effects.flatMap((effect) => protocols[protocol][effect].all));
}
