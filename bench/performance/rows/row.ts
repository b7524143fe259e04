import type { Probe } from "../probe.ts";
import type { RowFigures } from "../results.ts";
import type { Target } from "../world.ts";

export interface Bench {
  readonly probe: Probe;
  readonly targets: readonly Target[];
  /** Long for what is published, short for what is checked against it. */
  readonly length: "long" | "short";
}

export interface Row {
  readonly id: string;
  measure(bench: Bench): Promise<RowFigures>;
}
