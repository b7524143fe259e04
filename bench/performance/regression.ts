/** Whether a run is worse than the baseline by more than runs differ from each other. Pure. */
import { type Results, middle } from "./results.ts";
import { median } from "./statistics.ts";

/** Ratios within one run, which a slower or busier machine moves little. For all of them less is better. */
export type Ratios = Readonly<Record<string, number>>;

/** Several runs of one revision on one machine. */
export interface Baseline {
  readonly at: string;
  readonly machine: Results["machine"];
  readonly runs: readonly { readonly load: number; readonly ratios: Ratios }[];
}

export interface Judgement {
  readonly name: string;
  readonly baseline: number;
  /** Of the baseline's own runs. */
  readonly min: number;
  readonly max: number;
  readonly limit: number;
  readonly value: number | undefined;
  /** `missing`: the run has no such ratio. */
  readonly verdict: "as before" | "worse" | "better" | "missing";
}

/** How far beyond the worst run of the baseline one may be: once more as far as its runs lie apart. */
const SPREADS = 1;
/** Five runs that happen to agree are no proof that the sixth will. */
const LEAST_PART = 0.1;

type Ratio = (get: (row: string, target: string, measure: string) => number) => number;

const RATIOS: Readonly<Record<string, Ratio>> = {
  "added wait, simple, of haproxy's": (get) =>
    get("latency-simple", "gateway", "addedP50Us") / get("latency-simple", "haproxy", "addedP50Us"),
  "added wait, prepared, of haproxy's": (get) =>
    get("latency-prepared", "gateway", "addedP50Us") / get("latency-prepared", "haproxy", "addedP50Us"),
  "wait, durable first, of direct": (get) =>
    get("latency-strict", "gateway-strict", "p50Us") / get("latency-strict", "direct", "p50Us"),
  "processor, simple, of pgbouncer's": (get) =>
    get("processor-simple", "gateway", "cpuUs") / get("processor-simple", "pgbouncer", "cpuUs"),
  "processor, prepared, of pgbouncer's": (get) =>
    get("processor-prepared", "gateway", "cpuUs") / get("processor-prepared", "pgbouncer", "cpuUs"),
  "processor, durable first, of pgbouncer's": (get) =>
    get("processor-simple", "gateway-strict", "cpuUs") / get("processor-simple", "pgbouncer", "cpuUs"),
  "195 MB, of direct": (get) => get("bulk-plain", "gateway", "ratio"),
  "195 MB, processor, of the relay's": (get) =>
    get("bulk-plain", "gateway", "cpuMs") / get("bulk-plain", "relay", "cpuMs"),
  "195 MB redacted, of direct": (get) => get("bulk-redacted", "gateway", "ratio"),
  "195 MB redacted, processor, of the relay's": (get) =>
    get("bulk-redacted", "gateway", "cpuMs") / get("bulk-redacted", "relay", "cpuMs"),
  "throughput with a window, of that durable first": (get) =>
    1 / get("throughput-64", "gateway-strict", "ofWindowed"),
  "connect and first row, of direct": (get) =>
    get("connect", "gateway", "p50Ms") / get("connect", "direct", "p50Ms"),
  "idle session, of the relay's": (get) => get("idle", "gateway", "kbEach") / get("idle", "relay", "kbEach"),
};

/** Those that the run has all figures of. */
export function ratiosOf(results: Pick<Results, "rows">): Ratios {
  const get = (row: string, target: string, measure: string): number =>
    middle(results, row, target, measure) ?? Number.NaN;
  const all = Object.entries(RATIOS).map(([name, ratio]): [string, number] => [name, ratio(get)]);
  return Object.fromEntries(all.filter(([, value]) => Number.isFinite(value)));
}

export const RUNS = 5;

/** In words: why nothing can be compared with it. */
export function problemOf({ runs }: Pick<Baseline, "runs">): string | undefined {
  if (runs.length !== RUNS) return `the baseline has ${runs.length} runs instead of ${RUNS}`;
  const names = new Set(runs.flatMap(({ ratios }) => Object.keys(ratios)));
  if (names.size === 0) return "the baseline has no ratio";
  const uneven = [...names].filter((name) => runs.some(({ ratios }) => ratios[name] === undefined));
  return uneven.length === 0 ? undefined : `not every run of the baseline has ${uneven.join(", ")}`;
}

export function judge({ runs }: Pick<Baseline, "runs">, now: Ratios): Judgement[] {
  const names = new Set(runs.flatMap(({ ratios }) => Object.keys(ratios)));
  return [...names].map((name) => {
    const before = runs.map(({ ratios }) => ratios[name]).filter((value) => value !== undefined);
    const [baseline, min, max] = [median(before), Math.min(...before), Math.max(...before)];
    const limit = Math.max(max + SPREADS * (max - min), baseline + LEAST_PART * Math.abs(baseline));
    const floor = Math.min(min - SPREADS * (max - min), baseline - LEAST_PART * Math.abs(baseline));
    const value = now[name];
    return { name, baseline, min, max, limit, value, verdict: verdictOf(value, floor, limit) };
  });
}

function verdictOf(value: number | undefined, floor: number, limit: number): Judgement["verdict"] {
  if (value === undefined) return "missing";
  if (value > limit) return "worse";
  return value < floor ? "better" : "as before";
}

export const isRegression = ({ verdict }: Judgement): boolean => verdict === "worse" || verdict === "missing";
