/**
 * How long property tests run, and on what. `make test` takes the default of each and always the same seed, so that a change is
 * never red for what another change did; `make fuzz` raises the floor through FUZZ_RUNS and gives seeds that nobody tried,
 * through FUZZ_SEED, so that a failure can be had again.
 */
const SEED_DEFAULT = 20_261_126;

export function fuzzRuns(defaultRuns: number): number {
  return Math.max(defaultRuns, wholeNumber("FUZZ_RUNS") ?? 0);
}

/**
 * Spread into fast-check's parameters: `{ numRuns: fuzzRuns(500), ...fuzzSeed() }`. FUZZ_MS says how long one property may take
 * of the time of all: where a run is a talk with a real server, it gets fewer runs and not more time.
 */
export function fuzzSeed(): { seed: number; interruptAfterTimeLimit?: number } {
  const ms = wholeNumber("FUZZ_MS");
  return {
    seed: wholeNumber("FUZZ_SEED") ?? SEED_DEFAULT,
    ...(ms === undefined ? {} : { interruptAfterTimeLimit: ms }),
  };
}

function wholeNumber(variable: string): number | undefined {
  const text = process.env[variable];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`${variable} must be a whole number, not "${text}"`);
  return Number(text);
}
