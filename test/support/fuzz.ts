/**
 * How long property tests run. `make test` takes the default of each; `make fuzz` raises the floor through FUZZ_RUNS and
 * pins the seed through FUZZ_SEED, so that a failure can be had again.
 */
export function fuzzRuns(defaultRuns: number): number {
  return Math.max(defaultRuns, wholeNumber("FUZZ_RUNS") ?? 0);
}

/** Spread into fast-check's parameters: `{ numRuns: fuzzRuns(500), ...fuzzSeed() }`. */
export function fuzzSeed(): { seed: number } | Record<string, never> {
  const seed = wholeNumber("FUZZ_SEED");
  return seed === undefined ? {} : { seed };
}

function wholeNumber(variable: string): number | undefined {
  const text = process.env[variable];
  if (text === undefined || text === "") return undefined;
  if (!/^\d{1,10}$/.test(text)) throw new RangeError(`${variable} must be a whole number, not "${text}"`);
  return Number(text);
}
