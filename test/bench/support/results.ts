import type { Results } from "../../../bench/performance/results.ts";
import { figure } from "../../../bench/performance/statistics.ts";

type Numbers = Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, number>>>>>>;

/** Rows whose rounds all agree. */
export function rowsOf(numbers: Numbers): Pick<Results, "rows"> {
  const each = <In, Out>(from: Readonly<Record<string, In>>, make: (value: In) => Out): Record<string, Out> =>
    Object.fromEntries(Object.entries(from).map(([key, value]) => [key, make(value)]));
  return { rows: each(numbers, (row) => each(row, (target) => each(target, (value) => figure([value])))) };
}

export function resultsOf(numbers: Numbers, load = 0.3): Results {
  return {
    at: "2027-01-02T03:04:05.000Z",
    machine: { processor: "Some Processor", processors: 2, kernel: "6.18" },
    load: { before: load, after: load },
    versions: { node: "v24.21.0", postgres: "18.4" },
    seconds: 300,
    profiles: {},
    ...rowsOf(numbers),
  };
}
