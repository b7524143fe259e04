/**
 * How long property tests run, and on what. `make test` takes the default of each and always the same seed, so that a change is
 * never red for what another change did. `make fuzz` makes each run FUZZ_TIMES as often, on a seed that nobody tried, FUZZ_SEED,
 * so that a failure can be had again; FUZZ_RUNS is the least that each runs. FUZZ_TALLY names a file that is told how often
 * each did.
 */
import { appendFileSync } from "node:fs";
import fc from "fast-check";

const SEED_DEFAULT = 20_261_126;

export function fuzzRuns(defaultRuns: number): number {
  return Math.max(defaultRuns * (wholeNumber("FUZZ_TIMES") ?? 1), wholeNumber("FUZZ_RUNS") ?? 0);
}

interface FuzzSeed {
  readonly seed: number;
  readonly reporter?: <Ts>(details: fc.RunDetails<Ts>) => void;
}

/** Spread into fast-check's parameters: `{ numRuns: fuzzRuns(500), ...fuzzSeed() }`. */
export function fuzzSeed(): FuzzSeed {
  const seed = wholeNumber("FUZZ_SEED") ?? SEED_DEFAULT;
  return process.env["FUZZ_TALLY"] === undefined ? { seed } : { seed, reporter: tallied };
}

/** In the place of fast-check's own reporter, and failing as it does. */
function tallied<Ts>(details: fc.RunDetails<Ts>): void {
  appendFileSync(process.env["FUZZ_TALLY"] ?? "", `${details.numRuns}\n`);
  const problem = fc.defaultReportMessage(details);
  if (problem !== undefined) throw new Error(problem, { cause: details.errorInstance });
}

function wholeNumber(variable: string): number | undefined {
  const text = process.env[variable];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`${variable} must be a whole number, not "${text}"`);
  return Number(text);
}
