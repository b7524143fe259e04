/** Processor time per transaction of everything that stands in between, while eight clients ask as fast as they can. */
import type { Load, Query } from "../probe.ts";
import { cpuUs, settledCpuUs } from "../processes.ts";
import { Collected, type RowFigures } from "../results.ts";
import { ONE_ROW } from "../schema.ts";
import { figure, shuffled } from "../statistics.ts";
import type { Target } from "../world.ts";
import type { Bench, Row } from "./row.ts";

const CLIENTS = 8;
const ROUNDS = { long: 7, short: 5 } as const;
/** Of one round; as many transactions as the target did in that time while it was warmed up. */
const SLICE_US = 400_000;
const WARM_UP_TRANSACTIONS = 2_000;

export const PROCESSOR_SIMPLE: Row = row("processor-simple", "simple");
export const PROCESSOR_PREPARED: Row = row("processor-prepared", "prepared");

interface Warm {
  readonly target: Target;
  readonly load: Load;
  readonly transactions: number;
}

function row(id: string, mode: "simple" | "prepared"): Row {
  return {
    id,
    async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
      await using opened = new AsyncDisposableStack();
      const asked = targets.filter(({ strict }) => !(strict && mode === "prepared"));
      const loads: Warm[] = [];
      for (const target of asked) {
        const load = opened.use(await probe.load(target, queryOf(target, mode), CLIENTS));
        // Twice: once for code that is compiled while it runs, once for how fast it is then.
        await load.run(WARM_UP_TRANSACTIONS);
        const { tookUs } = await load.run(WARM_UP_TRANSACTIONS);
        loads.push({ target, load, transactions: Math.ceil((WARM_UP_TRANSACTIONS * SLICE_US) / tookUs) });
      }
      const collected = new Collected(asked);
      for (let round = 0; round < ROUNDS[length]; round += 1)
        for (const warm of shuffled(loads, Math.random)) collected.add(warm.target.name, await once(warm));
      return collected.figures(figure);
    },
  };
}

function queryOf({ strict }: Target, mode: "simple" | "prepared"): Query {
  return strict ? ONE_ROW.strict : ONE_ROW[mode];
}

async function once({ target, load, transactions }: Warm): Promise<Record<string, number>> {
  const pids = target.pids();
  const before = cpuUs(pids);
  const { tookUs } = await load.run(transactions);
  const spent = (await settledCpuUs(pids)) - before;
  const perSecond = transactions / (tookUs / 1_000_000);
  return pids.length === 0 ? { perSecond } : { perSecond, cpuUs: spent / transactions };
}
