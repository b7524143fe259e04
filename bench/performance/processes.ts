/** What processes have used, as the kernel counts it. */
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

const SETTLED_US = 300;
const SETTLE_STEP_MS = 20;
const SETTLE_MS_MAX = 1_000;

/**
 * User and system time of all threads, in microseconds. `stat` would count in hundredths of a second; the scheduler's own clock
 * counts the same to the nanosecond.
 */
export function cpuUs(pids: readonly number[]): number {
  let ns = 0;
  for (const pid of pids)
    for (const task of readdirSync(`/proc/${pid}/task`)) ns += taskNs(`/proc/${pid}/task/${task}/schedstat`);
  return ns / 1_000;
}

function taskNs(path: string): number {
  try {
    return Number(readFileSync(path, "utf8").split(" ")[0]);
  } catch (error) {
    // A thread that ended between the listing and the reading.
    if (error instanceof Error && "code" in error && ["ENOENT", "ESRCH"].includes(String(error.code)))
      return 0;
    throw error;
  }
}

/** The time once nothing more is added to it: records that run behind the answers are part of their price. */
export async function settledCpuUs(pids: readonly number[]): Promise<number> {
  let before = cpuUs(pids);
  for (let waitedMs = 0; waitedMs < SETTLE_MS_MAX && pids.length > 0; waitedMs += SETTLE_STEP_MS) {
    await pause(SETTLE_STEP_MS);
    const now = cpuUs(pids);
    if (now - before < SETTLED_US) return now;
    before = now;
  }
  return before;
}

export const residentKb = (pids: readonly number[]): number => sumOf(pids, "VmRSS");

/** Forgets the peak so far. */
export function resetPeaks(pids: readonly number[]): void {
  for (const pid of pids) writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** The highest that each of them has been, added up. */
export const peakKb = (pids: readonly number[]): number => sumOf(pids, "VmHWM");

/** How many sockets and files one process may have open here. */
export function filesMax(): number {
  return Number(/^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
}

function sumOf(pids: readonly number[], field: string): number {
  return pids
    .map((pid) =>
      Number(
        new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1],
      ),
    )
    .reduce((sum, kb) => sum + kb, 0);
}
