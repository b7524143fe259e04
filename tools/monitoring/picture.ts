/** A dashboard as one picture, drawn of what a Prometheus answers: no Grafana is asked, and nothing is made up. */
import { COLUMNS, type Dashboard, type Panel, linesOf } from "./dashboard.ts";
import { type Size, curves, numbers, rows } from "./picture/panels.ts";
import { type Words, escape, text } from "./picture/svg.ts";
import type { Line, Prometheus, Range } from "./prometheus.ts";

/** Of Grafana's variables, by name. */
export type Values = Readonly<Record<string, string>>;

const WIDTH = 1_200;
const COLUMN = WIDTH / COLUMNS;
const GAP = 8;
const HEAD = 56;
const ROW_TITLE = 26;
const HEIGHTS = { stat: 84, timeseries: 190, table: 150 } satisfies Record<Panel["kind"], number>;
const STEPS = 48;

/** What Grafana would ask: variables filled in, and a rate over `rateS` seconds. */
export function filledIn(expr: string, values: Values, rateS: number): string {
  return Object.entries({ ...values, __rate_interval: `${rateS}s` }).reduce(
    (filled, [name, value]) => filled.replaceAll(`$${name}`, value),
    expr,
  );
}

export interface Shown {
  readonly legend: string;
  readonly line: Line;
}

export async function picture(
  dashboard: Dashboard,
  prometheus: Pick<Prometheus, "range">,
  { values, fromS, toS, rateS }: Omit<Range, "stepS"> & { readonly values: Values; readonly rateS: number },
): Promise<string> {
  const range = { fromS, toS, stepS: Math.max(1, Math.ceil((toS - fromS) / STEPS)) };
  const parts: string[] = [];
  let y = HEAD;
  for (const { title, panels } of dashboard.rows) {
    parts.push(text(4, y + 17, title, { weight: "bold" }));
    y += ROW_TITLE;
    for (const line of linesOf(panels)) {
      // Beside a curve a number has its height, so that no hole is left.
      const height = Math.max(...line.map(({ kind }) => HEIGHTS[kind]));
      let x = 0;
      for (const panel of line) {
        const width = panel.width * COLUMN;
        const size = { width: width - GAP, height };
        const shown = await shownOf(panel, prometheus, { values, rateS, range });
        parts.push(`<g transform="translate(${x},${y})">${framed(panel, shown, size, range)}</g>`);
        x += width;
      }
      y += height + GAP;
    }
  }
  const said = Object.entries(values).map(([name, value]) => `${name} ${value}`);
  const head = [
    text(4, 22, [dashboard.title, ...said].join(" · "), { size: 17, weight: "bold" }),
    text(4, 42, `${dashboard.question} The last ${minutesOf(toS - fromS)} of a test.`, {
      tone: "#57606a",
    }),
  ];
  return document(WIDTH, y, [...head, ...parts]);
}

function minutesOf(seconds: number): string {
  const minutes = Math.round(seconds / 60);
  return minutes <= 1 ? "minute" : `${minutes} minutes`;
}

async function shownOf(
  { queries }: Panel,
  prometheus: Pick<Prometheus, "range">,
  { values, rateS, range }: { readonly values: Values; readonly rateS: number; readonly range: Range },
): Promise<readonly Shown[]> {
  const answers = await Promise.all(
    queries.map(async ({ expr, legend }) =>
      (await prometheus.range(filledIn(expr, values, rateS), range)).map((line) => ({
        line,
        legend: legend.replace(/\{\{(\w+)\}\}/g, (_, label: string) => line.metric[label] ?? ""),
      })),
    ),
  );
  return answers.flat();
}

const DRAWN = { stat: numbers, timeseries: curves, table: rows } satisfies Record<Panel["kind"], unknown>;

function framed(panel: Panel, shown: readonly Shown[], size: Size, range: Range): string {
  const frame = `<rect width="${size.width}" height="${size.height}" rx="4" fill="#fff" stroke="#d0d7de"/>`;
  const title = text(8, 16, panel.title, { weight: "bold", size: 11 });
  return `<title>${escape(panel.description)}</title>${frame}${title}${DRAWN[panel.kind](panel, shown, size, range)}`;
}

function document(width: number, height: number, parts: readonly Words[]): string {
  const font = 'font-family="system-ui,sans-serif" font-size="12"';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ${font}>
<rect width="${width}" height="${height}" fill="#f6f8fa"/>
${parts.join("\n")}
</svg>
`;
}
