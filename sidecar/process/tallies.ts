/**
 * What is counted with every statement. A metric builds a key out of its labels each time it is asked to count, so here it
 * is numbers, which a metric takes over when somebody looks.
 */
import type { Count, MeteredRequest } from "../gateway/meters.ts";

type RequestLabels = Record<"protocol" | "connection", string>;

export interface Counted extends Count {
  readonly labels: Readonly<Record<string, string>>;
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
  return {
    of({ protocol, connection }) {
      const labels = { protocol, connection: `${connection.namespace}/${connection.name}` };
      const name = `${protocol} ${labels.connection}`;
      let tally = byName.get(name);
      if (tally === undefined)
        byName.set(name, (tally = { labels, decided: new Map(), rows: 0, bytes: 0, maskedValues: 0 }));
      return tally;
    },
    all: () => byName.values(),
  };
}

/** Where requests of that outcome are counted. */
export function countOf({ decided, labels }: Tally, outcome: string, code: string): Count {
  const name = `${outcome} ${code}`;
  let counted = decided.get(name);
  if (counted === undefined)
    decided.set(name, (counted = { labels: { ...labels, outcome, code }, count: 0 }));
  return counted;
}
