/**
 * What is counted with every statement. A metric builds a key out of its labels each time it is asked to count, so here it
 * is numbers, which a metric takes over when somebody looks.
 */
import type { MeteredRequest } from "../gateway/meters.ts";

type RequestLabels = Record<"protocol" | "connection", string>;

export interface Counted {
  readonly labels: Readonly<Record<string, string>>;
  count: number;
}

export interface Tally {
  readonly labels: RequestLabels;
  /** Requests by what was decided of them. */
  readonly decided: Map<string, Counted>;
  rows: number;
  bytes: number;
  maskedValues: number;
}

export interface Tallies {
  of(request: MeteredRequest): Tally;
  all(): Iterable<Tally>;
}

/** As many as there are Connections: sessions come and go, what was counted of them stays. */
export function openTallies(): Tallies {
  const byName = new Map<string, Tally>();
  const known = new WeakMap<MeteredRequest, Tally>();
  return {
    of(request) {
      let tally = known.get(request);
      if (tally !== undefined) return tally;
      const { protocol, connection } = request;
      const labels = { protocol, connection: `${connection.namespace}/${connection.name}` };
      const name = `${protocol} ${labels.connection}`;
      tally = byName.get(name) ?? { labels, decided: new Map(), rows: 0, bytes: 0, maskedValues: 0 };
      byName.set(name, tally);
      known.set(request, tally);
      return tally;
    },
    all: () => byName.values(),
  };
}

export function countDecided({ decided, labels }: Tally, outcome: string, code: string): void {
  const name = `${outcome} ${code}`;
  const counted = decided.get(name);
  if (counted === undefined) decided.set(name, { labels: { ...labels, outcome, code }, count: 1 });
  else counted.count += 1;
}
