/** Two thousand sessions, all of which ask again as soon as they have their answer. */
import { cpuUs, residentKb, settledCpuUs } from "../processes.ts";
import { Collected, type RowFigures } from "../results.ts";
import { figure } from "../statistics.ts";
import { ACTIVE_SESSIONS, ONE_ROW } from "../schema.ts";
import type { Bench, Row } from "./row.ts";

const ROUNDS = 3;
const TRANSACTIONS = 10_000;

export const ACTIVE: Row = {
  id: "active",
  isLong: true,
  async measure({ probe, targets }: Bench): Promise<RowFigures> {
    const asked = targets.filter(({ strictOf, tls }) => strictOf === undefined && !tls);
    const collected = new Collected(asked);
    for (const target of asked) {
      const pids = target.pids();
      await using load = await probe.load(target, ONE_ROW.simple, ACTIVE_SESSIONS);
      await load.run(TRANSACTIONS);
      for (let round = 0; round < ROUNDS; round += 1) {
        const before = cpuUs(pids);
        const { tookUs, p50Us, p99Us } = await load.run(TRANSACTIONS);
        const spent = (await settledCpuUs(pids)) - before;
        const told = {
          perSecond: TRANSACTIONS / (tookUs / 1_000_000),
          p50Ms: p50Us / 1_000,
          p99Ms: p99Us / 1_000,
        };
        const own = { cpuUs: spent / TRANSACTIONS, residentMb: (residentKb(pids) * 1_024) / 1_000_000 };
        collected.add(target.name, pids.length === 0 ? told : { ...told, ...own });
      }
    }
    return collected.figures(figure);
  },
};
