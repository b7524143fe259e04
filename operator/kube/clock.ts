/** Time and chance as arguments, so that what depends on them can be tested without waiting. */
import { setTimeout as sleep } from "node:timers/promises";

export interface Clock {
  /** Never set back; for spans of time. */
  monotonicMs(): number;
  /** What people and certificates call the time. */
  wallMs(): number;
  /** Rejects when the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** At least 0, below 1. */
export type Random = () => number;

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, { signal });
  },
};

/** Sleeps, and says whether the whole time has passed. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/** Pauses that double from `firstMs` to `maxMs`, each drawn from its upper half, so that many clients never come at once. */
export interface Backoff {
  next(): number;
  reset(): void;
}

export function backoff(firstMs: number, maxMs: number, random: Random): Backoff {
  let fullMs = firstMs;
  return {
    next: () => {
      const drawnMs = fullMs / 2 + (random() * fullMs) / 2;
      fullMs = Math.min(maxMs, fullMs * 2);
      return drawnMs;
    },
    reset: () => {
      fullMs = firstMs;
    },
  };
}
