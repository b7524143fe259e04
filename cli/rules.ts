/** Rules as people refer to them, and where they stand. */
import type { RuleRef } from "#core/policy/decision.ts";
import { namespaceOf, type PlacedRule, policiesIn, rulesOf } from "#core/policy/lint/world.ts";
import type { Configuration, Place } from "./configuration.ts";

export interface KnownRule {
  readonly ref: Omit<RuleRef, "hash">;
  readonly place: Place;
}

export function rulesIn(configuration: Configuration): readonly KnownRule[] {
  return policiesIn(configuration.loaded)
    .flatMap(rulesOf)
    .map((placed) => ({
      ref: refOf(placed),
      place: configuration.placeOf(refToObject(refOf(placed)), placed.path) ?? NOWHERE,
    }));
}

export function placeOfRule(ref: RuleRef, configuration: Configuration): Place | undefined {
  const key = ruleKey(ref);
  const placed = policiesIn(configuration.loaded)
    .filter(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.policy)
    .flatMap(rulesOf)
    .find((each) => ruleKey(refOf(each)) === key);
  return placed && configuration.placeOf(refToObject(ref), placed.path);
}

/** One text for each rule of a configuration, whichever policy of whichever namespace it stands in. */
export function ruleKey({ kind, namespace, policy, effect, rule }: Omit<RuleRef, "hash">): string {
  return JSON.stringify([kind, namespace, policy, effect, rule]);
}

/** `policy/rule`, as `expect.by` of a test writes it. */
export function shortName({ policy, rule }: Pick<RuleRef, "policy" | "rule">): string {
  return `${policy}/${rule}`;
}

export function placeText({ file, line }: Place): string {
  return `${file}:${line}`;
}

const NOWHERE: Place = { file: "", line: 1, column: 1 };

function refOf({ policy, effect, rule }: PlacedRule): Omit<RuleRef, "hash"> {
  const namespace = namespaceOf(policy);
  return {
    kind: policy.kind,
    ...(namespace !== undefined && { namespace }),
    policy: policy.metadata.name,
    effect,
    rule: rule.name,
  };
}

function refToObject({ kind, namespace, policy }: Omit<RuleRef, "hash">) {
  return { kind, name: policy, ...(namespace !== undefined && { namespace }) };
}
