/** What a run found: every row, every target, every measure with its middle and how far its runs lie apart. */
import type { Profile } from "../profile/frames.ts";
import type { Figure } from "./statistics.ts";

export type Measures = Readonly<Record<string, Figure>>;
/** By the target's name. */
export type RowFigures = Readonly<Record<string, Measures>>;

export interface Results {
  readonly at: string;
  readonly machine: { readonly processor: string; readonly processors: number; readonly kernel: string };
  /** Load averages over one minute. */
  readonly load: { readonly before: number; readonly after: number };
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: number;
  /** By the row's id. */
  readonly rows: Readonly<Record<string, RowFigures>>;
  /** Of the data plane's worker, by what it did. Of a long run only. */
  readonly profiles: Readonly<Record<string, Profile>>;
}

/** The middle; undefined where it was not measured. */
export function middle(
  { rows }: Pick<Results, "rows">,
  row: string,
  target: string,
  measure: string,
): number | undefined {
  return rows[row]?.[target]?.[measure]?.median;
}

/** Values of several rounds, collected measure by measure. */
export class Collected {
  readonly #values: Map<string, Map<string, number[]>>;

  /** In this order, whatever comes first. */
  constructor(targets: readonly { readonly name: string }[]) {
    this.#values = new Map(targets.map(({ name }) => [name, new Map()]));
  }

  add(target: string, measures: Readonly<Record<string, number>>): void {
    const known = this.#values.get(target) ?? new Map<string, number[]>();
    this.#values.set(target, known);
    for (const [measure, value] of Object.entries(measures)) {
      const values = known.get(measure);
      if (values === undefined) known.set(measure, [value]);
      else values.push(value);
    }
  }

  figures(figure: (values: readonly number[]) => Figure): RowFigures {
    return Object.fromEntries(
      [...this.#values].map(([target, measures]) => [
        target,
        Object.fromEntries([...measures].map(([measure, values]) => [measure, figure(values)])),
      ]),
    );
  }
}
