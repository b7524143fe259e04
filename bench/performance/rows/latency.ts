/** What one client waits for one row, over what it waits without anything in between. */
import type { Query } from "../probe.ts";
import { Collected, type RowFigures } from "../results.ts";
import { ONE_ROW } from "../schema.ts";
import { figure, quantile } from "../statistics.ts";
import type { Bench, Row, RowId } from "./row.ts";
import { warmUp } from "./warm.ts";

const ROUNDS = { long: 3_000, short: 1_000 } as const;
/** Before anything is warm. */
const FIRST_ROUNDS = 300;
/** The rounds are looked at in as many parts as tell how far one differs from the next. */
const PARTS = 5;

export const LATENCY_SIMPLE: Row = row("latency-simple", ONE_ROW.simple, false);
export const LATENCY_PREPARED: Row = row("latency-prepared", ONE_ROW.prepared, false);
export const LATENCY_STRICT: Row = row("latency-strict", ONE_ROW.simple, true);

function row(id: RowId, query: Query, isStrict: boolean): Row {
  return {
    id,
    async measure({ probe, targets, length }: Bench): Promise<RowFigures> {
      const asked = targets.filter(
        ({ name, strictOf }) => name === "direct" || (strictOf !== undefined) === isStrict,
      );
      const rounds = ROUNDS[length];
      const collected = new Collected(asked);
      // What is strict has come by the same code before.
      const first = isStrict ? undefined : await probe.paired(asked, query, FIRST_ROUNDS);
      await warmUp(probe, asked, query);
      const times = await probe.paired(asked, query, rounds);
      for (let part = 0; part < PARTS; part += 1) addPart(collected, times, part, rounds / PARTS);
      if (first !== undefined) addFirst(collected, first);
      return collected.figures(figure);
    },
  };
}

function addFirst(collected: Collected, times: ReadonlyMap<string, readonly number[]>): void {
  const direct = quantile(times.get("direct") ?? [], 0.5);
  for (const [name, us] of times) collected.add(name, { firstAddedP50Us: quantile(us, 0.5) - direct });
}

function addPart(
  collected: Collected,
  times: ReadonlyMap<string, readonly number[]>,
  part: number,
  size: number,
): void {
  const partOf = (us: readonly number[]): readonly number[] => us.slice(part * size, (part + 1) * size);
  const direct = partOf(times.get("direct") ?? []);
  const base = { p50: quantile(direct, 0.5), p99: quantile(direct, 0.99) };
  for (const [name, us] of times) {
    const own = partOf(us);
    const p50Us = quantile(own, 0.5);
    const p99Us = quantile(own, 0.99);
    collected.add(name, { p50Us, p99Us, addedP50Us: p50Us - base.p50, addedP99Us: p99Us - base.p99 });
  }
}
