/**
 * Rules of one policy and effect, in asking order, found by what they name: a policy may hold dozens of rules of
 * hundreds of names each, and a statement speaks of two or three.
 */
import type { CompiledRule } from "./plan.ts";
import type { RuleFamily } from "./protocols/family.ts";

export interface RuleList {
  readonly all: readonly CompiledRule[];
  /** Places of rules that must be asked whatever is demanded, and of those that name something; both ascending. */
  readonly unfiled: readonly number[];
  readonly filed: ReadonlyMap<string, readonly number[]>;
}

export const NOT_FOUND = -1;

export function ruleList(all: readonly CompiledRule[], family: RuleFamily): RuleList {
  const unfiled: number[] = [];
  const filed = new Map<string, number[]>();
  all.forEach(({ matcher }, at) => {
    const keys = family.keysOfRule(matcher);
    if (keys === undefined) unfiled.push(at);
    for (const key of keys ?? []) {
      const places = filed.get(key);
      if (places === undefined) filed.set(key, [at]);
      // A rule may name the same thing twice.
      else if (places.at(-1) !== at) places.push(at);
    }
  });
  return { all, unfiled, filed };
}

/** The place of the first rule that passes the test, among those that share a key; undefined keys ask every rule. */
export function findRule(
  { all, unfiled, filed }: RuleList,
  keys: readonly string[] | undefined,
  test: (rule: CompiledRule) => boolean,
): number {
  if (all.length === 0) return NOT_FOUND;
  if (keys === undefined) return all.findIndex(test);
  let first = firstPassing(all, unfiled, test);
  for (const key of keys) {
    const places = filed.get(key);
    if (places === undefined) continue;
    const place = firstPassing(all, places, test);
    if (first === NOT_FOUND || (place !== NOT_FOUND && place < first)) first = place;
  }
  return first;
}

function firstPassing(
  all: readonly CompiledRule[],
  places: readonly number[],
  test: (rule: CompiledRule) => boolean,
): number {
  for (const place of places) {
    const rule = all[place];
    if (rule !== undefined && test(rule)) return place;
  }
  return NOT_FOUND;
}
