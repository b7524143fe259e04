/** One result of some 195 MB: how long it takes over what it takes without anything in between, and what that costs. */
import { cpuUs, peakKb, resetPeaks, settledCpuUs } from "../processes.ts";
import type { Bulk } from "../probe.ts";
import { Collected, type RowFigures } from "../results.ts";
import { BULK } from "../schema.ts";
import { figure, shuffled } from "../statistics.ts";
import type { Target } from "../world.ts";
import type { Bench, Row, RowId } from "./row.ts";

const ROUNDS = { long: 7, short: 5 } as const;

export const BULK_PLAIN: Row = row("bulk-plain", BULK.plain);
export const BULK_REDACTED: Row = row("bulk-redacted", BULK.redacted);

function row(id: RowId, sql: string): Row {
  return {
    id,
    async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
      await using opened = new AsyncDisposableStack();
      const readers: { readonly target: Target; readonly reader: Bulk }[] = [];
      const asked = targets.filter(({ strictOf }) => strictOf === undefined);
      for (const target of asked) {
        const reader = opened.use(await probe.bulk(target));
        readers.push({ target, reader });
        await reader.run(sql);
      }
      const collected = new Collected(asked);
      for (let round = 0; round < ROUNDS[length]; round += 1) {
        const took = new Map<string, number>();
        for (const { target, reader } of shuffled(readers, Math.random)) {
          const measured = await once(target, reader, sql);
          took.set(target.name, measured["seconds"] ?? Number.NaN);
          collected.add(target.name, measured);
        }
        const direct = took.get("direct") ?? Number.NaN;
        for (const [name, seconds] of took) collected.add(name, { ratio: seconds / direct });
      }
      return collected.figures(figure);
    },
  };
}

async function once(target: Target, reader: Bulk, sql: string): Promise<Record<string, number>> {
  const pids = target.pids();
  resetPeaks(pids);
  const before = cpuUs(pids);
  const { tookUs, bytes } = await reader.run(sql);
  const spent = (await settledCpuUs(pids)) - before;
  const measured = { seconds: tookUs / 1_000_000, megabytes: bytes / 1_000_000 };
  return pids.length === 0
    ? measured
    : { ...measured, cpuMs: spent / 1_000, peakMb: (peakKb(pids) * 1_024) / 1_000_000 };
}
