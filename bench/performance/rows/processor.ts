/** Processor time per transaction of everything that stands in between, while eight clients ask as fast as they can. */
import { cpuUs, settledCpuUs } from "../processes.ts";
import { Collected, type RowFigures } from "../results.ts";
import { ONE_ROW } from "../schema.ts";
import { figure, shuffled } from "../statistics.ts";
import type { Bench, Row, RowId } from "./row.ts";
import { type Warm, openWarm } from "./warm.ts";

const CLIENTS = 8;
const ROUNDS = { long: 7, short: 5 } as const;
/** Of one round; as many transactions as the target did in that time while it was warmed up. */
const SLICE_US = 400_000;

export const PROCESSOR_SIMPLE: Row = row("processor-simple", "simple");
export const PROCESSOR_PREPARED: Row = row("processor-prepared", "prepared");

function row(id: RowId, mode: "simple" | "prepared"): Row {
  return {
    id,
    async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
      await using opened = new AsyncDisposableStack();
      const asked = targets.filter(({ strictOf }) => strictOf === undefined || mode === "simple");
      const loads: Warm[] = [];
      for (const target of asked) {
        const load = opened.use(await probe.load(target, ONE_ROW[mode], CLIENTS));
        loads.push(await openWarm(target, load, SLICE_US));
      }
      const collected = new Collected(asked);
      for (let round = 0; round < ROUNDS[length]; round += 1)
        for (const warm of shuffled(loads, Math.random)) collected.add(warm.target.name, await once(warm));
      return collected.figures(figure);
    },
  };
}

async function once({ target, load, transactions }: Warm): Promise<Record<string, number>> {
  const pids = target.pids();
  const before = cpuUs(pids);
  const { tookUs } = await load.run(transactions);
  const spent = (await settledCpuUs(pids)) - before;
  const perSecond = transactions / (tookUs / 1_000_000);
  return pids.length === 0 ? { perSecond } : { perSecond, cpuUs: spent / transactions };
}
