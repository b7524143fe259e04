/** What must be done to whatever passes: the union over every policy in force that speaks of the caller or its agents. */
import { compareTexts } from "./compile-rules.ts";
import type { ColumnMask, Limits, MaskAction, Obligations } from "./decision.ts";
import type { CompiledPolicy } from "./plan.ts";
import type { ProtocolName } from "./protocols/family.ts";

export const NO_OBLIGATIONS: Obligations = Object.freeze({
  mask: Object.freeze([]),
  limits: Object.freeze({}),
  whenParentEnds: "finish",
});

const STRENGTH = { redact: 1, nullify: 2 } as const satisfies Record<MaskAction, number>;

/**
 * The strongest action for each column pattern, the smallest of each limit. Patterns that overlap stay apart: whoever
 * masks takes the strongest of those that match a column.
 */
export function uniteObligations(policies: readonly CompiledPolicy[], protocol: ProtocolName): Obligations {
  const masks = new Map<string, ColumnMask>();
  const limits: Partial<Record<keyof Limits, number>> = {};
  let whenParentEnds: Obligations["whenParentEnds"] = "finish";
  for (const policy of policies) {
    for (const { key, mask } of policy.protocols[protocol].mask) {
      const other = masks.get(key);
      if (other === undefined || STRENGTH[mask.action] > STRENGTH[other.action]) masks.set(key, mask);
    }
    for (const [name, limit] of Object.entries(policy.limits) as [keyof Limits, number][]) {
      limits[name] = Math.min(limit, limits[name] ?? Number.POSITIVE_INFINITY);
    }
    if (policy.whenParentEnds === "end") whenParentEnds = "end";
  }
  const mask = [...masks].sort(([a], [b]) => compareTexts(a, b)).map(([, columnMask]) => columnMask);
  return { mask, limits, whenParentEnds };
}

/** What a data plane can carry out. */
export interface Supported {
  readonly maskActions: readonly MaskAction[];
  readonly limits: readonly (keyof Limits)[];
  readonly whenParentEnds: readonly Obligations["whenParentEnds"][];
}

/**
 * The first obligation that this data plane does not know, as a path for the log; undefined when it can carry out all.
 * Reads whatever the plan brought, fields that this version has never heard of included.
 */
export function unsupportedObligation(obligations: Obligations, supported: Supported): string | undefined {
  const known: readonly string[] = Object.keys(NO_OBLIGATIONS);
  const unknown = Object.keys(obligations).find((name) => !known.includes(name));
  if (unknown !== undefined) return unknown;
  const mask = obligations.mask.find(({ action }) => !supported.maskActions.includes(action));
  if (mask !== undefined) return `mask.${mask.action}`;
  const limits: readonly string[] = supported.limits;
  const limit = Object.keys(obligations.limits).find((name) => !limits.includes(name));
  if (limit !== undefined) return `limits.${limit}`;
  const { whenParentEnds } = obligations;
  return supported.whenParentEnds.includes(whenParentEnds) ? undefined : `whenParentEnds.${whenParentEnds}`;
}
