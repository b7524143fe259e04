/** A row for the terminal, while the next one is measured. */
import type { Mark } from "./marks.ts";
import type { RowFigures } from "./results.ts";
import { type Figure, spread } from "./statistics.ts";

export function printRow(id: string, figures: RowFigures): string {
  const lines = Object.entries(figures).map(([target, measures]) => {
    const cells = Object.entries(measures).map(([measure, figure]) =>
      `${measure} ${amount(figure.median)}${apart(figure)}`.padEnd(24),
    );
    return `  ${target.padEnd(20)} ${cells.join(" ").trimEnd()}\n`;
  });
  return `\n${id}\n${lines.join("")}`;
}

/** Half of how far the rounds lie apart; nothing where they agree. */
export function apart(figure: Figure): string {
  const part = figure.median === 0 ? 0 : Math.round((spread(figure) / 2) * 100);
  return part === 0 ? "" : ` ±${part} %`;
}

export function printMarks(marks: readonly Mark[]): string {
  const lines = marks.map(({ says, bound, limit, unit, value, holds }) => {
    const verdict = holds === undefined ? "not measured" : holds ? "pass" : "FAIL";
    return `  ${verdict.padEnd(13)} ${value === undefined ? "–" : amount(value)} ${unit}, ${bound} ${limit} ${unit}: ${says}\n`;
  });
  return `\nmarks\n${lines.join("")}`;
}

/** Three digits at least. */
export function amount(value: number): string {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toFixed(Math.min(digits, 3));
}
