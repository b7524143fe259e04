/** What a fuzzer is, how one is run, and how what it finds is made small. */
import { Random } from "./random.ts";
import { shrink } from "./shrink.ts";

/** `Case` is data: it survives being written as JSON, so that a finding can be kept and played again. */
export interface Fuzzer<Case> {
  readonly name: string;
  readonly what: string;
  /** Of the time that all have, in parts. */
  readonly share: number;
  /** Why it cannot run here; absent where it needs nothing that a machine may lack. */
  skip?(): string | false;
  generate(random: Random): Case;
  /** Opens what its cases need. `defect`: the code under test has that one planted in it. */
  open(defect?: string): Promise<Player<Case>>;
}

export interface Player<Case> extends AsyncDisposable {
  /** What is wrong, in a few lines; undefined: nothing. */
  play(each: Case): Promise<string | undefined>;
}

export interface Finding<Case> {
  readonly seed: number;
  /** How many cases were played until then, this one included. */
  readonly executions: number;
  readonly found: Case;
  readonly what: string;
}

export interface Hunt<Case> {
  readonly executions: number;
  readonly finding: Finding<Case> | undefined;
}

export interface HuntOptions {
  readonly seed: number;
  readonly endMs: number;
  readonly executionsMax?: number;
}

/** Looks at the clock once in so many cases. */
const CLOCKED_CASES = 16;

export async function hunt<Case>(
  fuzzer: Fuzzer<Case>,
  player: Player<Case>,
  { seed, endMs, executionsMax = Infinity }: HuntOptions,
): Promise<Hunt<Case>> {
  for (let executions = 0; ; executions += 1) {
    if (executions >= executionsMax) return { executions, finding: undefined };
    if (executions % CLOCKED_CASES === 0 && Date.now() >= endMs) return { executions, finding: undefined };
    const each = seed + executions;
    const found = fuzzer.generate(new Random(each));
    const what = await player.play(found);
    if (what !== undefined)
      return { executions: executions + 1, finding: { seed: each, executions: executions + 1, found, what } };
  }
}

/** The smallest case near this one that shows something wrong, and what. */
export async function smallest<Case>(
  player: Player<Case>,
  { found, what }: Finding<Case>,
  endMs: number,
): Promise<{ readonly found: Case; readonly what: string }> {
  let shown = what;
  const least = await shrink(
    found,
    async (candidate) => {
      const wrong = await player.play(candidate);
      if (wrong !== undefined) shown = wrong;
      return wrong !== undefined;
    },
    endMs,
  );
  return { found: least, what: shown };
}
