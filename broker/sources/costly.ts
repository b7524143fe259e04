/**
 * Derivations that an upstream makes costly. It may ask for half a second of a core as often as sessions begin, and the threads
 * that do it are those that write the trail and read files: so there is one at a time, and each upstream has a line of its own, in
 * which it holds up nobody but itself.
 */
import { type Limiter, limiter } from "../limiter.ts";
import type { Upstream } from "./source.ts";

/** From here on it takes some tens of milliseconds. */
export const COSTLY_ITERATIONS = 50_000;

/** Connections to one server are one upstream. */
export const lineOf = ({ spec: { address } }: Upstream): string => `${address.host}:${address.port}`;

interface Line {
  readonly places: Limiter;
  users: number;
}

export type InLine = <Result>(
  upstream: string,
  work: () => Promise<Result>,
  signal: AbortSignal,
) => Promise<Result>;

export function costlyLines(): InLine {
  const everybody = limiter(1);
  const lines = new Map<string, Line>();
  return async (upstream, work, signal) => {
    const line = lines.get(upstream) ?? { places: limiter(1), users: 0 };
    lines.set(upstream, line);
    line.users += 1;
    try {
      return await line.places.run(() => everybody.run(work, signal), signal);
    } finally {
      line.users -= 1;
      if (line.users === 0) lines.delete(upstream);
    }
  };
}
