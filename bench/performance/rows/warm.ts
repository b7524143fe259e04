/** Clients that have asked for a while, and how many transactions of theirs make a round. */
import type { Load } from "../probe.ts";
import type { Target } from "../world.ts";

export interface Warm {
  readonly target: Target;
  readonly load: Load;
  readonly transactions: number;
}

const WARM_UP_TRANSACTIONS = 2_000;

/** Twice: once for code that is compiled while it runs, once for how fast it is then. */
export async function openWarm(target: Target, load: Load, sliceUs: number): Promise<Warm> {
  await load.run(WARM_UP_TRANSACTIONS);
  const { tookUs } = await load.run(WARM_UP_TRANSACTIONS);
  return { target, load, transactions: Math.ceil((WARM_UP_TRANSACTIONS * sliceUs) / tookUs) };
}
