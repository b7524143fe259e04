/** Answers that stay true for a while: asked once for all who want to know at the same time, and the oldest are forgotten first. */
import type { Clock } from "../../kube/clock.ts";

export interface Remembering<Answer> {
  /** `find` is called when nobody has asked lately. One who stops waiting leaves the question to the others. */
  ask(key: string, find: () => Promise<Answer>, signal: AbortSignal): Promise<Answer>;
}

export interface RememberingOptions {
  readonly forMs: number;
  readonly entriesMax: number;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export function remembering<Answer>({ forMs, entriesMax, clock }: RememberingOptions): Remembering<Answer> {
  const entries = new Map<string, { readonly answer: Promise<Answer>; readonly untilMs: number }>();
  return {
    async ask(key, find, signal) {
      signal.throwIfAborted();
      const nowMs = clock.monotonicMs();
      let entry = entries.get(key);
      if (entry === undefined || nowMs >= entry.untilMs) {
        const asked = { answer: find(), untilMs: nowMs + forMs };
        entry = asked;
        entries.delete(key);
        entries.set(key, asked);
        const [oldest] = entries.keys();
        if (entries.size > entriesMax && oldest !== undefined) entries.delete(oldest);
        // What could not be found out is asked again by whoever comes next.
        asked.answer.catch(() => {
          if (entries.get(key) === asked) entries.delete(key);
        });
      }
      return untilAborted(entry.answer, signal);
    },
  };
}

async function untilAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([answer, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
