/** How much what has to be durable first costs, at many clients: they wait for their records together. */
import { Collected, type RowFigures } from "../results.ts";
import { figure, shuffled } from "../statistics.ts";
import { ONE_ROW } from "../schema.ts";
import { type Warm, openWarm } from "./warm.ts";
import type { Bench, Row } from "./row.ts";

const CLIENTS = 64;
const ROUNDS = { long: 7, short: 5 } as const;
const SLICE_US = 1_000_000;

export const THROUGHPUT: Row = {
  id: "throughput-64",
  async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
    await using opened = new AsyncDisposableStack();
    const windowed = new Set(targets.map(({ strictOf }) => strictOf));
    const asked = targets.filter(
      ({ name, strictOf }) => name === "direct" || strictOf !== undefined || windowed.has(name),
    );
    const loads: Warm[] = [];
    for (const target of asked) {
      const load = opened.use(await probe.load(target, ONE_ROW.simple, CLIENTS));
      loads.push(await openWarm(target, load, SLICE_US));
    }
    const collected = new Collected(asked);
    for (let round = 0; round < ROUNDS[length]; round += 1) {
      const rates = new Map<string, number>();
      for (const { target, load, transactions } of shuffled(loads, Math.random)) {
        const { tookUs, p50Us, p99Us } = await load.run(transactions);
        const perSecond = transactions / (tookUs / 1_000_000);
        rates.set(target.name, perSecond);
        collected.add(target.name, { perSecond, p50Ms: p50Us / 1_000, p99Ms: p99Us / 1_000 });
      }
      for (const { name, strictOf } of asked)
        if (strictOf !== undefined)
          collected.add(name, {
            ofWindowed: (rates.get(name) ?? Number.NaN) / (rates.get(strictOf) ?? Number.NaN),
          });
    }
    return collected.figures(figure);
  },
};
