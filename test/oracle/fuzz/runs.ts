import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

/** A run here parses several texts, or asks a server: it costs what ten runs of a pure property do. */
const COST = 10;

/** `make test` says the same every time; `make fuzz` brings more runs and a seed of its own. */
export function costlyRuns(defaultRuns: number): { numRuns: number; seed: number } {
  return { numRuns: Math.max(defaultRuns, Math.ceil(fuzzRuns(0) / COST)), ...fuzzSeed() };
}
