/** What the gateway has set itself, and whether a run meets it. Pure. */
import { type Results, middle } from "./results.ts";

export interface Mark {
  readonly id: string;
  readonly says: string;
  /** Undefined where the run lacks what it needs. */
  readonly value: number | undefined;
  readonly bound: "at most" | "at least";
  readonly limit: number;
  readonly unit: "µs" | "×" | "kB";
  readonly holds: boolean | undefined;
}

type Rows = Pick<Results, "rows">;
type Get = (row: string, target: string, measure: string) => number | undefined;

interface Rule extends Pick<Mark, "id" | "says" | "bound" | "limit" | "unit"> {
  readonly value: (get: Get) => number | undefined;
}

const RULES: readonly Rule[] = [
  {
    id: "latency-over-relay",
    says: "added wait of one client, beyond our bare relay's",
    unit: "µs",
    bound: "at most",
    limit: 20,
    value: (get) => minus(added(get, "gateway"), added(get, "relay")),
  },
  {
    id: "latency-of-haproxy",
    says: "added wait of one client, of haproxy's",
    unit: "×",
    bound: "at most",
    limit: 1.7,
    value: (get) => over(added(get, "gateway"), added(get, "haproxy")),
  },
  {
    id: "processor-over-relay",
    says: "processor time of a transaction, beyond our bare relay's",
    unit: "µs",
    bound: "at most",
    limit: 15,
    value: (get) => minus(spent(get, "gateway"), spent(get, "relay")),
  },
  {
    id: "processor-of-pgbouncer",
    says: "processor time of a transaction, of pgbouncer's",
    unit: "×",
    bound: "at most",
    limit: 2,
    value: (get) => over(spent(get, "gateway"), spent(get, "pgbouncer")),
  },
  {
    id: "bulk-redacted",
    says: "195 MB with two columns redacted, of the time with nothing in between",
    unit: "×",
    bound: "at most",
    limit: 1.05,
    value: (get) => get("bulk-redacted", "gateway", "ratio"),
  },
  {
    id: "idle",
    says: "memory of an idle session",
    unit: "kB",
    bound: "at most",
    limit: 50,
    value: (get) => get("idle", "gateway", "kbEach"),
  },
  {
    id: "strict-at-64",
    says: "throughput of 64 clients with every record durable first, of that with a window",
    unit: "×",
    bound: "at least",
    limit: 0.7,
    value: (get) => get("throughput-64", "gateway-strict", "ofWindowed"),
  },
];

export function marksOf(results: Rows): Mark[] {
  const get: Get = (row, target, measure) => middle(results, row, target, measure);
  return RULES.map(({ value, ...rule }) => {
    const is = value(get);
    return { ...rule, value: is, holds: is === undefined ? undefined : isWithin(is, rule) };
  });
}

const isWithin = (value: number, { bound, limit }: Pick<Mark, "bound" | "limit">): boolean =>
  bound === "at most" ? value <= limit : value >= limit;

const added = (get: Get, target: string): number | undefined => get("latency-simple", target, "addedP50Us");
const spent = (get: Get, target: string): number | undefined => get("processor-simple", target, "cpuUs");

const minus = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : one - other;

const over = (one: number | undefined, other: number | undefined): number | undefined =>
  one === undefined || other === undefined ? undefined : one / other;
