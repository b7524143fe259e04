/** Lets at most so many run at once; the rest wait in order. */
export interface Limiter {
  run<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result>;
}

export function limiter(atOnceMax: number): Limiter {
  let running = 0;
  const waiting: (() => void)[] = [];

  async function enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (running < atOnceMax) {
      running += 1;
      return;
    }
    // Whoever leaves hands its place to the first in line, so `running` stays as it is.
    const turn = Promise.withResolvers<void>();
    const leave = (): void => {
      waiting.splice(waiting.indexOf(turn.resolve), 1);
      turn.reject(signal.reason as Error);
    };
    waiting.push(turn.resolve);
    signal.addEventListener("abort", leave, { once: true });
    try {
      await turn.promise;
    } finally {
      signal.removeEventListener("abort", leave);
    }
  }

  return {
    async run(work, signal) {
      await enter(signal);
      try {
        return await work();
      } finally {
        const next = waiting.shift();
        if (next === undefined) running -= 1;
        else next();
      }
    },
  };
}
