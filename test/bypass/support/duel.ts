/**
 * An attack on a pod that runs, tried twice: where what stops it has been taken away, and where all is in force. What is taken away is
 * said in the attack itself, so that each is its own proof.
 */
import type { Fought, Tier } from "./fought.ts";

/** What came of an attempt: whether the attacker has what was wanted, and what was seen of it. */
export interface Result {
  readonly hasWorked: boolean;
  readonly said: string;
}

export interface Duel<Field> {
  readonly name: string;
  readonly without: (field: Field) => Promise<Result>;
  readonly with: (field: Field) => Promise<Result>;
  /** What is seen of it when it is stopped: by what it fails, not only that it does. */
  readonly stopped?: RegExp;
  /** It works with everything in force too, and docs/limits.md says so under this heading. */
  readonly limit?: string;
}

export interface LiveThreat<Field> {
  readonly id: string;
  readonly title: string;
  readonly duels: readonly Duel<Field>[];
}

/** One after the other: they share a pod, and some exhaust it. */
export async function duel<Field>(
  tier: Tier,
  threats: readonly LiveThreat<Field>[],
  field: Field,
): Promise<readonly Fought[]> {
  const fought: Fought[] = [];
  for (const { id, title, duels } of threats)
    for (const one of duels) fought.push({ threat: id, tier, title, ...(await fightOne(one, field)) });
  return fought;
}

export async function fightOne<Field>(
  one: Duel<Field>,
  field: Field,
): Promise<Omit<Fought, "threat" | "tier" | "title">> {
  const fromMs = performance.now();
  const before = await seen(() => one.without(field));
  const after = await seen(() => one.with(field));
  const seconds = (performance.now() - fromMs) / 1_000;
  const faults = [
    before.hasWorked ? undefined : `the attack proves nothing: ${before.said}`,
    faultWith(one, after),
  ].filter((fault) => fault !== undefined);
  const limit = one.limit === undefined ? "" : `limit: ${one.limit}; `;
  return {
    attack: one.name,
    without: inWords(before),
    with: limit + inWords(after),
    seconds,
    faults,
  };
}

/** A test of ours that broke is neither an attack that worked nor one that failed: it is shown as what it is. */
async function seen(act: () => Promise<Result>): Promise<Result & { readonly isBroken?: true }> {
  try {
    return await act();
  } catch (error) {
    const why = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return { hasWorked: false, said: `could not be tried: ${why}`, isBroken: true };
  }
}

function faultWith<Field>(
  { limit, stopped = /^/ }: Duel<Field>,
  { hasWorked, said, isBroken }: Result & { readonly isBroken?: true },
): string | undefined {
  if (isBroken) return said;
  if (limit !== undefined)
    return hasWorked ? undefined : `it is a limit no more, and docs/limits.md says it is: ${said}`;
  if (hasWorked) return `it works: ${said}`;
  return stopped.test(said) ? undefined : `it was to be stopped by ${String(stopped)}: ${said}`;
}

const inWords = ({ hasWorked, said }: Result): string => `${hasWorked ? "worked" : "stopped"}: ${said}`;
