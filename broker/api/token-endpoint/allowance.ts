/** How often each pod may ask: every answer costs the cluster three questions and the trail a line. */
const BURST = 20;
const EVERY_MS = 500;
/** Beyond it those that have not asked lately are forgotten. */
const PODS_MAX = 16_384;

export interface Allowances {
  ask(pod: string): boolean;
}

export function allowances(now: () => number): Allowances {
  /** When the pod's burst is whole again. */
  const wholeMs = new Map<string, number>();
  return {
    ask(pod) {
      const nowMs = now();
      if (wholeMs.size >= PODS_MAX)
        for (const [other, atMs] of wholeMs) if (atMs <= nowMs) wholeMs.delete(other);
      const nextMs = Math.max(wholeMs.get(pod) ?? nowMs, nowMs) + EVERY_MS;
      if (nextMs - nowMs > BURST * EVERY_MS) return false;
      wholeMs.set(pod, nextMs);
      return true;
    },
  };
}
