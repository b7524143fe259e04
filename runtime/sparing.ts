/** Lines that a stranger can cause: one of a kind in a while, with the number of those that were left out. */

export interface Sparing {
  /** What to call when a line of that kind may be written, with how many were not written since the last. */
  say(kind: string, write: (leftOut: number) => void): void;
}

const KINDS_MAX = 64;

export function openSparing(everyMs: number, nowMs: () => number): Sparing {
  const kinds = new Map<string, { saidMs: number; leftOut: number }>();
  return {
    say(kind, write) {
      const now = nowMs();
      const known = kinds.get(kind);
      if (known !== undefined && now - known.saidMs < everyMs) {
        known.leftOut += 1;
        return;
      }
      if (known === undefined && kinds.size >= KINDS_MAX) return;
      kinds.set(kind, { saidMs: now, leftOut: 0 });
      write(known?.leftOut ?? 0);
    },
  };
}
