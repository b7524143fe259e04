/** What properties are asked of: the real decision, or the model with a planted defect, in one shape. */
import { type Sources, compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision, RuleRef } from "#core/policy/decision.ts";
import type { Facts } from "#core/policy/facts.ts";
import { modelDecide } from "./model.ts";
import { type ModelDecision, ruleName } from "./model-terms.ts";
import type { ModelParts } from "./model-parts.ts";

export type Decider = (sources: Sources, facts: Facts) => ModelDecision;

export const real: Decider = (sources, facts) => comparable(decide(compile(sources), facts));

export function model(replaced: Partial<ModelParts> = {}): Decider {
  return (sources, facts) => modelDecide(sources, facts, replaced);
}

/** Leaves out texts and hashes. */
export function comparable(decision: Decision): ModelDecision {
  const { outcome, code, obligations, observations, validUntilMs } = decision;
  return {
    outcome,
    code,
    by: spell(decision.by),
    obligations,
    observations: observations.map((observation) => ({
      outcome: observation.outcome,
      by: spell(observation.rule),
    })),
    validUntilMs,
  };
}

function spell(ref: RuleRef | undefined): string | undefined {
  return ref && ruleName(ref.kind, ref.namespace, ref.policy, ref.effect, ref.rule);
}

const RANK = { deny: 0, ask: 1, allow: 2 } as const;

export function rank({ outcome }: Pick<ModelDecision, "outcome">): number {
  return RANK[outcome];
}
