/** Figures that hold on a noisy machine: targets are asked in turn, in random order, so that noise meets all of them alike. */
import { readFileSync } from "node:fs";
import { type RawSession, queryMessage } from "./raw-session.ts";

export interface Target {
  readonly name: string;
  readonly session: RawSession;
  readonly pids: readonly number[];
}

export interface Latency {
  readonly name: string;
  readonly p10Us: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Of the target's own processes, per query; undefined where there are none. */
  readonly cpuUs: number | undefined;
}

const WARM_UP_PART = 0.1;

export async function probe(
  targets: readonly Target[],
  rounds: number,
  sql: (round: number) => string,
): Promise<Latency[]> {
  const samples = targets.map((): number[] => []);
  const order = targets.map((_, index) => index);
  const warmUp = Math.ceil(rounds * WARM_UP_PART);
  let cpu = targets.map(cpuUs);
  for (let round = -warmUp; round < rounds; round += 1) {
    if (round === 0) cpu = targets.map(cpuUs);
    shuffle(order);
    const message = queryMessage(sql(Math.abs(round)));
    for (const index of order) {
      const begin = process.hrtime.bigint();
      await targets[index]?.session.ask(message);
      const tookUs = Number(process.hrtime.bigint() - begin) / 1_000;
      if (round >= 0) samples[index]?.push(tookUs);
    }
  }
  return targets.map((target, index) => {
    const sorted = (samples[index] ?? []).toSorted((a, b) => a - b);
    const at = (part: number): number => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
    const spentUs = target.pids.length === 0 ? undefined : (cpuUs(target) - (cpu[index] ?? 0)) / rounds;
    return { name: target.name, p10Us: at(0.1), p50Us: at(0.5), p99Us: at(0.99), cpuUs: spentUs };
  });
}

const TICK_US = 10_000;

/** User and system time so far, as /proc counts it: in hundredths of a second. */
function cpuUs({ pids }: Target): number {
  let ticks = 0;
  for (const pid of pids) {
    // The program's name may hold spaces; what is counted stands behind its closing bracket.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_US;
}

function shuffle(order: number[]): void {
  for (let last = order.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
}
