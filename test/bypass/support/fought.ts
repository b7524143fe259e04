/** One line of the table: an attack, and what came of it without us and with us. */

/** Where it is tried: an API server with the chart on it, a pod's network with the real gateway, a node that runs pods. */
export const TIERS = { A: "API server", N: "network namespaces", K: "a node" } as const;
export type Tier = keyof typeof TIERS;

export interface Fought {
  readonly threat: string;
  readonly tier: Tier;
  readonly title: string;
  readonly attack: string;
  /** In words. */
  readonly without: string;
  readonly with: string;
  /** Both attempts together. */
  readonly seconds: number;
  /** What was not as it should be. */
  readonly faults: readonly string[];
}

const WIDTH_MAX = 160;

/** As a cell of the table, whatever a wire had in it. */
export const shortly = (said: string): string =>
  said
    .replaceAll(/[\s\p{C}]+/gu, " ")
    .trim()
    .slice(0, WIDTH_MAX);
