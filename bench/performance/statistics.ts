/** The few numbers that stand for many. Pure. */

/** Of several runs of one figure: what is in the middle, and how far they lie apart. */
export interface Figure {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function figure(values: readonly number[]): Figure {
  const sorted = sort(values);
  return { median: median(sorted), min: at(sorted, 0), max: at(sorted, sorted.length - 1) };
}

export function median(values: readonly number[]): number {
  const sorted = sort(values);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(sorted, middle) : (at(sorted, middle - 1) + at(sorted, middle)) / 2;
}

/** The smallest value that is not below `part` of all. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = sort(values);
  return at(sorted, Math.max(0, Math.ceil(sorted.length * part) - 1));
}

/** How far the runs lie apart, as a part of their median. */
export const spread = ({ median: middle, min, max }: Figure): number => (max - min) / Math.abs(middle);

export function shuffled<Value>(values: readonly Value[], random: () => number): Value[] {
  const keyed = values.map((value) => ({ value, key: random() }));
  return keyed.toSorted((a, b) => a.key - b.key).map(({ value }) => value);
}

function sort(values: readonly number[]): number[] {
  if (values.length === 0) throw new RangeError("no values have no middle");
  return values.toSorted((a, b) => a - b);
}

const at = (sorted: readonly number[], index: number): number => sorted[index] ?? Number.NaN;
