import type { StatementFacts } from "./facts.ts";

/** A rough weight in memory: what counts is that nothing is free. */
export function factsBytes(statements: readonly StatementFacts[]): number {
  let bytes = 256;
  for (const facts of statements) {
    bytes +=
      512 + 96 * (facts.accesses.length + facts.calls.length + facts.doubts.length + facts.columns.length);
    bytes += 8 * facts.literalOffsetsBytes.length;
  }
  return bytes;
}
