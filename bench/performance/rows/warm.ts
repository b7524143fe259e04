/** Clients that have asked for a while, and how many transactions of theirs make a round. */
import type { Load, Probe, Query } from "../probe.ts";
import type { Target } from "../world.ts";

export interface Warm {
  readonly target: Target;
  readonly load: Load;
  readonly transactions: number;
}

/** Until V8 has compiled what runs often: after fewer than that a statement takes half as long again. */
const WARM_UP_TRANSACTIONS = 10_000;
const TIMED_TRANSACTIONS = 2_000;
const WARM_UP_CLIENTS = 8;

/** Of one target after the other. */
export async function warmUp(probe: Probe, targets: readonly Target[], query: Query): Promise<void> {
  for (const target of targets) {
    await using load = await probe.load(target, query, WARM_UP_CLIENTS);
    await load.run(WARM_UP_TRANSACTIONS);
  }
}

/** Twice: once for code that is compiled while it runs, once for how fast it is then. */
export async function openWarm(target: Target, load: Load, sliceUs: number): Promise<Warm> {
  await load.run(WARM_UP_TRANSACTIONS);
  const { tookUs } = await load.run(TIMED_TRANSACTIONS);
  return { target, load, transactions: Math.ceil((TIMED_TRANSACTIONS * sliceUs) / tookUs) };
}
