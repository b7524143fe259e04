/** A row for the terminal, while the next one is measured. */
import type { RowFigures } from "./results.ts";
import { spread } from "./statistics.ts";

export function printRow(id: string, figures: RowFigures): string {
  const lines = Object.entries(figures).map(([target, measures]) => {
    const cells = Object.entries(measures).map(([measure, figure]) =>
      `${measure} ${amount(figure.median)} ±${Math.round((spread(figure) / 2) * 100)} %`.padEnd(24),
    );
    return `  ${target.padEnd(20)} ${cells.join(" ").trimEnd()}\n`;
  });
  return `\n${id}\n${lines.join("")}`;
}

/** Three digits at least. */
export function amount(value: number): string {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.max(Math.abs(value), 0.01))));
  return value.toFixed(Math.min(digits, 3));
}
