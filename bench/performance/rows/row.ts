import type { Probe } from "../probe.ts";
import type { RowFigures } from "../results.ts";
import type { Target } from "../world.ts";

export interface Bench {
  readonly probe: Probe;
  readonly targets: readonly Target[];
  /** The same in front of a server that only signs clients in. */
  idle(): Promise<{ readonly targets: readonly Target[] } & AsyncDisposable>;
  /** Long for what is published, short for what is checked against it. */
  readonly length: "long" | "short";
}

export const ROW_IDS = [
  "latency-simple",
  "latency-prepared",
  "latency-strict",
  "processor-simple",
  "processor-prepared",
  "throughput-64",
  "bulk-plain",
  "bulk-redacted",
  "connect",
  "active",
  "idle",
] as const;
export type RowId = (typeof ROW_IDS)[number];

export const isRowId = (word: string): word is RowId => (ROW_IDS as readonly string[]).includes(word);

export interface Row {
  readonly id: RowId;
  /** Not in a short run. */
  readonly isLong?: boolean;
  measure(bench: Bench): Promise<RowFigures>;
}
