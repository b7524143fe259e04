/** A clock that goes when it is told to. */
import { setImmediate as turn } from "node:timers/promises";
import type { Clock } from "#operator/kube/clock.ts";

export interface ManualClock extends Clock {
  /** Lets time pass, and everything happen that was to happen meanwhile, in its order. */
  advance(ms: number): Promise<void>;
  /** What a machine's clock does when it is set. */
  setWall(ms: number): void;
}

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

export function manualClock(): ManualClock {
  let nowMs = 1_000;
  let wallOffsetMs = Date.UTC(2026, 10, 26);
  const sleepers = new Set<Sleeper>();
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs + wallOffsetMs,
    setWall: (ms) => {
      wallOffsetMs = ms - nowMs;
    },
    sleep: async (ms, signal) => {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const sleeper = { atMs: nowMs + ms, wake: resolve };
      const abort = (): void => reject(signal.reason);
      sleepers.add(sleeper);
      signal.addEventListener("abort", abort, { once: true });
      try {
        await promise;
      } finally {
        sleepers.delete(sleeper);
        signal.removeEventListener("abort", abort);
      }
    },
    advance: async (ms) => {
      const endMs = nowMs + ms;
      await turn();
      for (;;) {
        const [first] = [...sleepers].toSorted((one, other) => one.atMs - other.atMs);
        if (first === undefined || first.atMs > endMs) break;
        nowMs = Math.max(nowMs, first.atMs);
        sleepers.delete(first);
        first.wake();
        await turn();
      }
      nowMs = endMs;
    },
  };
}
