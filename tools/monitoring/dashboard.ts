/** What a dashboard of ours is, before it is Grafana's JSON or a picture. */

export type Unit = "short" | "reqps" | "ops" | "s" | "bytes" | "binBps" | "percentunit" | "bool";

export interface Query {
  /** `$__rate_interval` and the dashboard's own variables are Grafana's to fill in. */
  readonly expr: string;
  /** `{{label}}`, or words. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly kind: "timeseries" | "stat" | "table";
  /** What it shows, and what to do when it is not as it should be. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** From where on a value is a warning, and where it is bad; `below` where less is worse. */
  readonly thresholds?: { readonly warning?: number; readonly bad: number; readonly below?: true };
  /** Out of 24. */
  readonly width: number;
}

export interface Variable {
  readonly name: string;
  readonly label: string;
  /** Of `label_values(metric, label)`. */
  readonly metric: string;
  readonly from: string;
}

export interface Dashboard {
  /** Stays for ever: links lead to it. */
  readonly uid: string;
  readonly title: string;
  /** That it answers. */
  readonly question: string;
  readonly variables: readonly Variable[];
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
}

type Words = Pick<Panel, "title" | "description" | "unit" | "queries"> &
  Partial<Pick<Panel, "thresholds" | "width">>;

/** Six stand in a line, two curves do. */
export const stat = (words: Words): Panel => ({ kind: "stat", width: 4, ...words });
export const curve = (words: Words): Panel => ({ kind: "timeseries", width: 12, ...words });
export const table = (words: Words): Panel => ({ kind: "table", width: 24, ...words });

export const query = (expr: string, legend: string): Query => ({ expr, legend });

export const COLUMNS = 24;

/** What stands side by side. */
export function linesOf(panels: readonly Panel[]): readonly (readonly Panel[])[] {
  const lines: Panel[][] = [];
  let room = 0;
  for (const panel of panels) {
    if (panel.width > room) {
      lines.push([]);
      room = COLUMNS;
    }
    lines.at(-1)?.push(panel);
    room -= panel.width;
  }
  return lines;
}

/** What a word means anywhere, it means in every curve of that name. */
export const MEANINGS: Readonly<Record<string, "good" | "warning" | "bad">> = {
  allow: "good",
  ask: "warning",
  deny: "bad",
};

export const RATE = "[$__rate_interval]";

/** Of a histogram, by its labels. */
export const quantiles = (metric: string, by = ""): readonly Query[] => {
  const labels = by === "" ? "le" : `le, ${by}`;
  const suffix = by === "" ? "" : ` {{${by}}}`;
  return ([0.5, 0.99] as const).map((quantile) =>
    query(
      `histogram_quantile(${quantile}, sum by (${labels}) (rate(${metric}_bucket${RATE})))`,
      `p${quantile * 100}${suffix}`,
    ),
  );
};
