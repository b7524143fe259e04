/** Which policies the gateways of this broker apply: what each was told against what it says it has put in force. Pure. */
import type { PolicySource } from "#core/api/loaded.ts";
import type { PlanPush } from "#core/port/port.ts";

export interface Enforced {
  /** Gateways that it concerns: it is in their plan, or was in the one that they still apply. */
  readonly concerned: number;
  /** Of those, the ones that apply this very version. */
  readonly applied: number;
}

export interface GatewayPlan {
  /** As it shall be. */
  readonly wanted: PlanPush;
  /** As it is; undefined when it has applied none, or one that is forgotten. */
  readonly applied: PlanPush | undefined;
}

/** By the policy's origin. */
export function enforcementOf(gateways: Iterable<GatewayPlan>): ReadonlyMap<string, Enforced> {
  const counts = new Map<string, { concerned: number; applied: number }>();
  for (const { wanted, applied } of gateways) {
    const [shall, does] = [textsOf(wanted), textsOf(applied)];
    for (const origin of new Set([...shall.keys(), ...does.keys()])) {
      const count = counts.get(origin) ?? { concerned: 0, applied: 0 };
      count.concerned += 1;
      if (applied !== undefined && shall.get(origin) === does.get(origin)) count.applied += 1;
      counts.set(origin, count);
    }
  }
  return counts;
}

const texts = new WeakMap<PlanPush, ReadonlyMap<string, string>>();

/** One origin may hold several policies: then they are applied together. */
function textsOf(plan: PlanPush | undefined): ReadonlyMap<string, string> {
  if (plan === undefined) return new Map();
  const known = texts.get(plan);
  if (known !== undefined) return known;
  const found = new Map<string, string>();
  for (const source of plan.policies)
    found.set(source.origin, (found.get(source.origin) ?? "") + textOf(source));
  texts.set(plan, found);
  return found;
}

/** What is wrong with a newer version changes nothing of what is applied. */
function textOf(source: PolicySource): string {
  return JSON.stringify(source.state === "good" ? source.policy : source.reach);
}
