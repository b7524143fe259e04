/** How long a client may take to say who it is and what it wants, and how many are listened to that get no place. */
import { type Deadline, deadline } from "#runtime/deadline.ts";

export interface Patience extends Pick<Deadline, "signal" | "expire">, Disposable {
  /** The client has come a step further: for the next one it has time again, as long as there is any for all of them. */
  readonly progressed: () => void;
}

export interface PatienceBounds {
  /** Until its first word is whole: whoever only holds a place says nothing. */
  readonly firstMs: number;
  /** For each step that follows. A program that has just begun takes seconds for its TLS alone where a machine is busy. */
  readonly stepMs: number;
  /** For everything. PostgreSQL itself gives a minute. */
  readonly wholeMs: number;
}

export const PATIENCE: PatienceBounds = { firstMs: 8_000, stepMs: 15_000, wholeMs: 45_000 };
/** With a client that is going to be refused whatever it says. */
export const LITTLE_PATIENCE: PatienceBounds = { firstMs: 8_000, stepMs: 8_000, wholeMs: 8_000 };

export function openPatience(
  outer: AbortSignal,
  { firstMs, stepMs, wholeMs }: PatienceBounds,
  nowMs: () => number = () => performance.now(),
): Patience {
  const untilMs = nowMs() + wholeMs;
  const step = deadline(outer, Math.min(firstMs, wholeMs));
  return {
    signal: step.signal,
    expire: step.expire,
    progressed: () => step.again(Math.max(0, Math.min(stepMs, untilMs - nowMs()))),
    [Symbol.dispose]: () => step[Symbol.dispose](),
  };
}

/** Those who get no place, and are listened to so that they understand why. */
export type Doorway = (client: Pick<Patience, "expire">) => Disposable;

/** Of so many at a time, whoever came first goes when another comes. */
export function openDoorway(clientsMax: number): Doorway {
  const inside = new Set<Pick<Patience, "expire">>();
  return (client) => {
    const [first] = inside;
    if (first !== undefined && inside.size >= clientsMax) {
      inside.delete(first);
      first.expire();
    }
    inside.add(client);
    return { [Symbol.dispose]: () => void inside.delete(client) };
  };
}
