/** Every attack of every threat, on both stages. */
import { THREATS } from "../threats/index.ts";
import { faultWith, faultWithout, inWords, type Outcome, outcomeOf, twinFault } from "./attack.ts";
import { openBattlefield } from "./battlefield.ts";
import type { Fought } from "./fought.ts";
import { bringing, type Endured, endure, OUTAGE, OUTAGES } from "./outages.ts";

const AT_ONCE = 6;

export async function fight(): Promise<readonly Fought[]> {
  await using field = await openBattlefield();
  const attacks = THREATS.flatMap((threat) => threat.attacks.map((attack) => ({ threat, attack })));
  const before = await each(attacks, ({ attack }) => timed(() => outcomeOf(attack, field.undefended)));
  const bare = await outcomeOf(bringing, field.undefended);
  const defended = await field.defend();
  const after = await each(attacks, ({ attack }) => timed(() => outcomeOf(attack, defended)));
  const twins = await each(attacks, ({ attack }) => twinFault(attack, defended));
  const endured: Timed<Endured>[] = [];
  for (const outage of OUTAGES) endured.push(await timed(() => endure(defended, field.operator, outage)));
  return [
    ...attacks.map(({ threat, attack }, index): Fought => {
      const [undefended, outcome] = [before[index], after[index]];
      if (undefended === undefined || outcome === undefined) throw new RangeError("an attack was not fought");
      const { result: bareOutcome, seconds } = undefended;
      const faults = [faultWithout(attack, bareOutcome), faultWith(attack, outcome.result), twins[index]];
      return {
        threat: threat.id,
        tier: "A",
        title: threat.title,
        attack: attack.name,
        without: bareOutcome.kind,
        with: (attack.limit === undefined ? "" : `limit: ${attack.limit}; `) + shortened(outcome.result),
        seconds: seconds + outcome.seconds,
        faults: faults.filter((fault) => fault !== undefined),
      };
    }),
    ...endured.map(({ result: { outage, outcomes }, seconds }): Fought => {
      const worked = outcomes.some(({ kind }) => kind === "worked");
      const last = outcomes.at(-1);
      return {
        threat: OUTAGE.id,
        tier: "A",
        title: OUTAGE.title,
        attack: outage,
        without: bare.kind,
        with: last === undefined ? "" : shortened(last),
        seconds,
        faults: [
          ...(worked ? ["a pod came in without its gateway"] : []),
          ...(bare.kind === "worked" ? [] : ["the attack proves nothing"]),
        ],
      };
    }),
  ];
}

async function each<Item, Result>(
  items: readonly Item[],
  act: (item: Item) => Promise<Result>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  const left = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of left) results[index] = await act(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

interface Timed<Result> {
  readonly result: Result;
  readonly seconds: number;
}

async function timed<Result>(act: () => Promise<Result>): Promise<Timed<Result>> {
  const fromMs = performance.now();
  const result = await act();
  return { result, seconds: (performance.now() - fromMs) / 1_000 };
}

/** Who refuses says so at the beginning, in words of the API server's. */
const shortened = (outcome: Outcome): string =>
  inWords(outcome).replace(
    /^refused: .*?(?:denied the request: |denied request: |is forbidden: |is invalid: )/s,
    "refused: ",
  );
