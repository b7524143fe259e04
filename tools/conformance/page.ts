/** What a run came to, as a table for people, as figures for the acceptance report, and in docs/conformance.md. */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Difference } from "./differences.ts";
import { WAYS, type WayName } from "./ways.ts";

export interface Column {
  readonly way: WayName;
  readonly tests: number;
  /** From the direct run. */
  readonly differing: readonly string[];
  /** Of the suite, on this way. */
  readonly seconds: number;
}
export interface Row {
  readonly title: string;
  readonly release: string;
  readonly columns: readonly Column[];
  readonly seconds: number;
}

const PAGE = fileURLToPath(new URL("../../docs/conformance.md", import.meta.url));
const BEGIN = "<!-- generated: what a run came to -->";
const END = "<!-- end of what is generated -->";

export function tableOf(rows: readonly Row[]): string {
  const lines = [["", ...WAYS], ...rows.map(({ title, columns }) => [title, ...columns.map(cell)])];
  const widths = [0, 1, 2, 3].map((at) => Math.max(...lines.map((line) => (line[at] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((text, at) => text.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cell({ way, tests, differing }: Column): string {
  return way === "direct"
    ? `${tests} tests`
    : `${tests - differing.length} the same, ${differing.length} differ`;
}

export function figuresOf(rows: readonly Row[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    rows.flatMap(({ title, columns }) =>
      columns.flatMap((column) => {
        const name = `conformance.${title.replaceAll(" ", "-")}.${column.way}`;
        return [
          [name, cell(column)],
          [`${name}.seconds`, String(column.seconds)],
        ];
      }),
    ),
  );
}

export function writePage(rows: readonly Row[], listed: readonly Difference[], pgbouncer: string): void {
  const text = readFileSync(PAGE, "utf8");
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for what is generated`);
  writeFileSync(
    PAGE,
    `${text.slice(0, begin + BEGIN.length)}\n\n${generated(rows, listed, pgbouncer)}\n${text.slice(end)}`,
  );
}

function generated(rows: readonly Row[], listed: readonly Difference[], pgbouncer: string): string {
  const table = rows.map(
    ({ title, release, columns }) => `| ${title} | ${release} | ${columns.map(cell).join(" | ")} |`,
  );
  const others = rows.flatMap(({ title, columns }) =>
    columns
      .filter(({ way, differing }) => way === "pgbouncer" && differing.length > 0)
      .map(({ differing }) => `- ${title}: ${differing.join(", ")}`),
  );
  return [
    `| suite | its release | direct | pgbouncer ${pgbouncer}, session mode | gateway |`,
    "|---|---|---|---|---|",
    ...table,
    "",
    "What differs through the gateway, and why:",
    "",
    "| suite | test | because |",
    "|---|---|---|",
    ...listed.map(
      ({ suite, test, because }) => `| ${suite} | \`${test}\` | ${because.trim().replaceAll("\n", " ")} |`,
    ),
    "",
    "What differs through pgbouncer, for comparison:",
    "",
    ...others,
    "",
  ].join("\n");
}
