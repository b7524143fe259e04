/** From a decision to what the client is told. */
import type { Decision } from "#core/policy/decision.ts";
import type { Refusal } from "#core/values/refusal.ts";

export function refusalOf({ code, publicText, by }: Decision): Refusal {
  return { code, publicText, ...(by === undefined ? {} : { rule: `${by.policy}/${by.rule}` }) };
}
