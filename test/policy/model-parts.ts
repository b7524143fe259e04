/** The pieces that the model is put together from. */
import type { AllowRule } from "#core/api/kinds.gen.ts";
import type { Policy } from "#core/api/loaded.ts";
import type { Limits, Obligations } from "#core/policy/decision.ts";
import {
  type ModelDemand,
  type ModelLink,
  type ModelRule,
  combine,
  isImplied,
  links,
  selects,
} from "./model-terms.ts";
import { isClosed, reaches } from "./model-subjects.ts";

export type ModelParts = typeof PARTS;

const PRESETS: Readonly<Record<string, readonly string[]>> = {
  readOnly: ["read"],
  writeOnly: ["insert", "update", "delete", "copyIn"],
};

export const PARTS = {
  reaches,
  isClosed,
  linksOf: links,
  selects,
  combine,
  inForce: ({ spec }: Policy, nowMs: number): boolean =>
    spec.expires === undefined || nowMs < Date.parse(spec.expires),
  validUntilMs: (selecting: readonly Policy[]): number =>
    Math.min(Infinity, ...selecting.map(({ spec }) => (spec.expires ? Date.parse(spec.expires) : Infinity))),
  mayGrant: ({ effect, policy }: ModelRule): boolean =>
    effect !== "deny" && policy.kind === "SecretAccessPolicy",
  usable: ({ delegate = "no" }: AllowRule, { handsOn }: ModelLink): boolean =>
    handsOn ? delegate === "also" || delegate === "only" : delegate === "also" || delegate === "no",
  covers,
  vouches,
  touches,
  closesSession: isWhole,
  passesObserved: (
    chain: readonly ModelLink[],
    enforcing: readonly Policy[],
    observing: readonly Policy[],
  ): boolean =>
    enforcing.length === 0 &&
    chain.every((link) =>
      observing.some((policy) => policy.kind === "SecretAccessPolicy" && selects(policy, link)),
    ),
  obligations,
};

function covers(rule: ModelRule, demand: ModelDemand): boolean {
  const { block } = rule;
  const forwards = saysAny(rule) && !narrows(rule);
  if ("doubt" in demand) return forwards;
  if ("schemas" in demand) return forwards || vouches(rule, demand);
  if (!speaksOfVerb(rule, demand.verb)) return false;
  if (block.unfiltered !== undefined && block.unfiltered !== demand.unfiltered) return false;
  const { relation } = demand;
  if (block.tables === undefined) return true;
  return relation !== undefined && block.tables.some((table) => isAtLeast(table, relation));
}

function vouches({ block }: ModelRule, demand: ModelDemand): boolean {
  if (!("schemas" in demand)) return false;
  return demand.schemas.every((schema) =>
    (block.functions ?? []).some((pattern) => isAtLeast(pattern, { schema, name: demand.name })),
  );
}

function touches(rule: ModelRule, demand: ModelDemand, vouched: boolean): "hit" | "blind" | "none" {
  const { block } = rule;
  if ("verb" in demand) {
    if (!speaksOfVerb(rule, demand.verb)) return "none";
    if (block.unfiltered !== undefined && block.unfiltered !== demand.unfiltered) return "none";
    if (block.tables === undefined) return "hit";
    const { relation } = demand;
    return relation !== undefined && block.tables.some((table) => overlaps(table, relation)) ? "hit" : "none";
  }
  if (isWhole(rule)) return "hit";
  if ("doubt" in demand) return "blind";
  const named = demand.schemas.some((schema) =>
    (block.functions ?? []).some((pattern) => overlaps(pattern, { schema, name: demand.name })),
  );
  if (named) return "hit";
  return vouched ? "none" : "blind";
}

function speaksOfVerb(rule: ModelRule, verb: string): boolean {
  const { preset, statements = [] } = rule.block;
  const listed: readonly string[] = [...statements, ...(PRESETS[preset ?? ""] ?? [])];
  if (listed.includes(verb)) return true;
  if (!speaksOfEveryVerb(rule)) return false;
  return rule.effect !== "ask" || !isImplied({ verb, unfiltered: false });
}

function speaksOfEveryVerb(rule: ModelRule): boolean {
  const { preset, statements, functions } = rule.block;
  if (saysAny(rule)) return true;
  if (rule.effect === "allow" || preset !== undefined || statements !== undefined) return false;
  return functions === undefined || narrows(rule);
}

function isWhole(rule: ModelRule): boolean {
  return speaksOfEveryVerb(rule) && !narrows(rule);
}

function saysAny({ block }: ModelRule): boolean {
  return block.statements?.includes("any") === true;
}

function narrows({ block }: ModelRule): boolean {
  return block.tables !== undefined || block.unfiltered !== undefined;
}

interface Name {
  readonly schema: string;
  readonly name: string;
}

/** A star in the name means every table that could be there, which only a star in the pattern is as wide as. */
function isAtLeast(pattern: string, { schema, name }: Name): boolean {
  return pairs(pattern, schema, name).every(
    ([wide, part]) => wide === "*" || (part !== "*" && wide === part),
  );
}

function overlaps(pattern: string, { schema, name }: Name): boolean {
  return pairs(pattern, schema, name).every(([wide, part]) => wide === "*" || part === "*" || wide === part);
}

function pairs(
  pattern: string,
  schema: string,
  name: string,
): readonly (readonly [string | undefined, string])[] {
  const [patternSchema, patternName] = pattern.split(".");
  return [
    [patternSchema, schema],
    [patternName, name],
  ];
}

export function obligations(policies: readonly Policy[]): Obligations {
  const masks = new Map<string, "redact" | "nullify">();
  for (const { action = "redact", postgres } of policies.flatMap(({ spec }) => spec.mask ?? [])) {
    for (const column of postgres?.columns ?? []) {
      if (masks.get(column) !== "nullify") masks.set(column, action);
    }
  }
  const given = policies.flatMap(({ spec }) => Object.entries(spec.limits ?? {})) as [keyof Limits, number][];
  const limits: Partial<Record<keyof Limits, number>> = {};
  for (const [name] of given) {
    limits[name] = Math.min(...given.filter(([other]) => other === name).map(([, limit]) => limit));
  }
  return {
    mask: [...masks].sort().map(([column, action]) => {
      const [schema = "", table = "", name = ""] = column.split(".");
      return { schema, table, column: name, action };
    }),
    limits,
    whenParentEnds: policies.some(({ spec }) => spec.whenParentEnds === "end") ? "end" : "finish",
  };
}
