/** Mistakes that a policy engine could make, each planted into the model, with the properties that must notice it. */
import type { Limits } from "#core/policy/decision.ts";
import type { ModelDemand, ModelRule } from "./model-terms.ts";
import { combine, links } from "./model-terms.ts";
import { type ModelParts, PARTS, obligations } from "./model-parts.ts";
import * as properties from "./properties.ts";

export interface Defect {
  readonly parts: Partial<ModelParts>;
  readonly noticedBy: readonly properties.Property[];
}

const {
  orderNeverMatters,
  addingADenyNeverPermitsMore,
  addingAnAskNeverPassesWithoutAPerson,
  removingAnAllowNeverPermitsMore,
  addingAPolicyNeverRemovesAnObligation,
  aGuardrailNeverMovesTowardsAllow,
  aChildNeverExceedsItsAgents,
  observeNeverWeakens,
  aNamespaceGrantsOnlyItsOwn,
  anExpiredPolicyTakesNoPart,
  aDecisionHoldsUntilItSays,
  aBrokenPolicyClosesWhatItReaches,
  decidesAsTheModelDoes,
} = properties;

export const DEFECTS: Readonly<Record<string, Defect>> = {
  "the agents above are forgotten": {
    parts: { linksOf: (caller) => links(caller).slice(0, 1) },
    noticedBy: [aChildNeverExceedsItsAgents, decidesAsTheModelDoes],
  },
  "only the nearest agent above is asked": {
    parts: { linksOf: (caller) => links(caller).slice(0, 2) },
    noticedBy: [aChildNeverExceedsItsAgents, decidesAsTheModelDoes],
  },
  "whatever may be used may be handed on": {
    parts: { usable: ({ delegate = "no" }, { handsOn }) => handsOn || delegate !== "only" },
    noticedBy: [aChildNeverExceedsItsAgents, decidesAsTheModelDoes],
  },
  "only the first allow rule of a policy counts": {
    parts: { covers: (rule, demand) => isFirst(rule) && PARTS.covers(rule, demand) },
    noticedBy: [orderNeverMatters, decidesAsTheModelDoes],
  },
  "all allow rules of a policy have to agree": {
    parts: { covers: everyAllowCovers },
    noticedBy: [removingAnAllowNeverPermitsMore, decidesAsTheModelDoes],
  },
  "a deny rule grants what it names": {
    parts: { mayGrant: ({ policy }) => policy.kind === "SecretAccessPolicy", touches: denyNothing },
    noticedBy: [addingADenyNeverPermitsMore, decidesAsTheModelDoes],
  },
  "an allow rule wins over a deny rule": {
    parts: { combine: (each) => combine(each.map((link) => ({ ...link, hits: [], blind: [] }))) },
    noticedBy: [decidesAsTheModelDoes],
  },
  "what is asked for passes": {
    parts: { combine: (each) => combine(each.map((link) => ({ ...link, asks: [], blindAsks: [] }))) },
    noticedBy: [addingAnAskNeverPassesWithoutAPerson, decidesAsTheModelDoes],
  },
  "a guardrail's ask rule grants": {
    parts: { mayGrant: ({ effect }) => effect !== "deny" },
    noticedBy: [aGuardrailNeverMovesTowardsAllow, decidesAsTheModelDoes],
  },
  "a guardrail on trial lets everything pass": {
    parts: { passesObserved: (_, enforcing, observing) => enforcing.length + 1 <= observing.length },
    noticedBy: [aGuardrailNeverMovesTowardsAllow, decidesAsTheModelDoes],
  },
  "observe mode passes beside enforcing policies": {
    parts: { passesObserved: (chain, _, observing) => PARTS.passesObserved(chain, [], observing) },
    noticedBy: [observeNeverWeakens, decidesAsTheModelDoes],
  },
  "one observed link is enough": {
    parts: {
      passesObserved: (chain, enforcing, observing) =>
        PARTS.passesObserved(chain.slice(0, 1), enforcing, observing),
    },
    noticedBy: [decidesAsTheModelDoes],
  },
  "the first mask of a column holds, not the strongest": {
    parts: {
      obligations: (policies) => ({ ...obligations(policies), mask: obligations(policies.slice(0, 1)).mask }),
    },
    noticedBy: [addingAPolicyNeverRemovesAnObligation, decidesAsTheModelDoes],
  },
  "the largest limit holds": {
    parts: { obligations: (policies) => ({ ...obligations(policies), limits: largestLimits(policies) }) },
    noticedBy: [addingAPolicyNeverRemovesAnObligation, decidesAsTheModelDoes],
  },
  "one policy that lets sessions finish is enough": {
    parts: {
      obligations: (policies) => ({
        ...obligations(policies),
        whenParentEnds:
          policies.length > 0 && policies.every(({ spec }) => spec.whenParentEnds === "end")
            ? "end"
            : "finish",
      }),
    },
    noticedBy: [addingAPolicyNeverRemovesAnObligation, decidesAsTheModelDoes],
  },
  "a broken policy is left out": {
    parts: { isClosed: () => false },
    noticedBy: [aBrokenPolicyClosesWhatItReaches],
  },
  "a policy reaches connections of any namespace": {
    parts: {
      reaches: (policy, connection) =>
        policy.kind === "SecretAccessPolicy"
          ? PARTS.reaches(inNamespace(policy, connection.metadata.namespace), connection)
          : PARTS.reaches(policy, connection),
    },
    noticedBy: [aNamespaceGrantsOnlyItsOwn, decidesAsTheModelDoes],
  },
  "expiry is not looked at": {
    parts: { inForce: () => true },
    noticedBy: [anExpiredPolicyTakesNoPart, decidesAsTheModelDoes],
  },
  "only the policies that enforce limit how long a decision holds": {
    parts: {
      validUntilMs: (selecting) =>
        PARTS.validUntilMs(selecting.filter(({ spec }) => spec.mode !== "observe")),
    },
    noticedBy: [aDecisionHoldsUntilItSays, decidesAsTheModelDoes],
  },
  "a policy holds at the moment it ends": {
    parts: { inForce: ({ spec }, nowMs) => spec.expires === undefined || nowMs <= Date.parse(spec.expires) },
    noticedBy: [decidesAsTheModelDoes],
  },
  "what nobody understood passes with any wide rule": {
    parts: {
      covers: (rule, demand) => ("doubt" in demand && !rule.block.tables) || PARTS.covers(rule, demand),
    },
    noticedBy: [decidesAsTheModelDoes],
  },
  "code that was forwarded unseen meets no deny rule": {
    parts: { touches: (rule, demand) => PARTS.touches(rule, demand, true) },
    noticedBy: [decidesAsTheModelDoes],
  },
  "one known schema of a function is enough": {
    parts: {
      vouches: (rule, demand) =>
        "schemas" in demand &&
        demand.schemas.some((schema) => PARTS.vouches(rule, { ...demand, schemas: [schema] })),
    },
    noticedBy: [decidesAsTheModelDoes],
  },
};

function isFirst({ policy, rule }: ModelRule): boolean {
  return "allow" in policy.spec && policy.spec.allow?.[0] === rule;
}

function everyAllowCovers(rule: ModelRule, demand: ModelDemand): boolean {
  const { spec } = rule.policy;
  if (rule.effect !== "allow" || !("allow" in spec)) return PARTS.covers(rule, demand);
  return (spec.allow ?? []).every((other) =>
    PARTS.covers({ ...rule, rule: other, block: other.postgres ?? {} }, demand),
  );
}

function denyNothing(rule: ModelRule, demand: ModelDemand, vouched: boolean): "hit" | "blind" | "none" {
  return rule.effect === "deny" ? "none" : PARTS.touches(rule, demand, vouched);
}

type Policies = Parameters<typeof obligations>[0];

function largestLimits(policies: Policies): Limits {
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const [name, limit] of policies.flatMap(({ spec }) => Object.entries(spec.limits ?? {}))) {
    const key = name as keyof Limits;
    limits[key] = Math.max(limit as number, limits[key] ?? 0);
  }
  return limits;
}

function inNamespace(policy: Policies[number], namespace: string | undefined): Policies[number] {
  return {
    ...policy,
    metadata: { name: policy.metadata.name, ...(namespace === undefined ? {} : { namespace }) },
  };
}
