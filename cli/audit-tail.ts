import { setTimeout as pause } from "node:timers/promises";
import { FILTER_OPTIONS, type Filter, readFilter } from "./audit/filters.ts";
import { problemText, rowJson, rowText } from "./audit/render.ts";
import { type AuditRow, type Reading, rowsOf, startReading } from "./audit/rows.ts";
import { DIRECTORY, OUTPUT_OPTION, SOURCE_OPTIONS, openSource } from "./audit/source.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { painter } from "./frame/paint.ts";

/** How long a follower waits before it looks again. */
const LOOK_AGAIN_MS = 250;
const LINES_MAX = 1_000_000;

export const auditTail = command({
  summary: "show the last events of a trail, and go on as they come",
  description: [
    "Prints the last events that fit all given filters, oldest first, each with its text where the keys can be read. " +
      "Without the keys everything but the texts is shown.",
    "An event is on record before its action is carried out, but for permitted reads, which may run ahead a little.",
  ],
  positionals: [DIRECTORY],
  options: {
    lines: { type: "string", value: "N", default: "20", help: "how many events to begin with" },
    follow: { type: "boolean", help: "go on until interrupted" },
    ...FILTER_OPTIONS,
    ...SOURCE_OPTIONS,
    ...OUTPUT_OPTION,
  },
  examples: [
    "sallyport audit tail /var/lib/sallyport/trail --follow",
    "sallyport audit tail trail/ --outcome deny --since 2026-12-01T00:00:00Z --output json",
  ],
  run: async ({ options, positionals: [directory = "."] }, io): Promise<CommandResult> => {
    const lines = /^\d{1,7}$/.test(options.lines) ? Number(options.lines) : LINES_MAX + 1;
    if (lines > LINES_MAX)
      return { cannotRun: `--lines must be a number up to ${LINES_MAX}, not "${options.lines}"` };
    const filter = readFilter(options);
    if (!filter.ok) return { cannotRun: filter.message };
    const source = await openSource(directory, options.keys);
    if (!source.ok) return { cannotRun: source.message };
    const reading = startReading(directory, source.value.texts);
    const print = printer(io, options.output);
    for (const row of await lastRows(reading, filter.value, lines, io)) print(row);
    while (options.follow) {
      await pause(LOOK_AGAIN_MS);
      for await (const row of rowsOf(reading)) if ("event" in row && filter.value(row)) print(row);
    }
    return 0;
  },
});

function printer(io: Io, output: "human" | "json"): (row: AuditRow) => void {
  const paint = painter(io.out.colour);
  return (row) => io.out.write(output === "json" ? `${rowJson(row)}\n` : rowText(row, paint));
}

async function lastRows(reading: Reading, filter: Filter, lines: number, io: Io): Promise<AuditRow[]> {
  const kept: AuditRow[] = [];
  for await (const row of rowsOf(reading)) {
    if ("problem" in row) io.err.write(problemText(row.problem, painter(io.err.colour)));
    else if (filter(row)) kept.push(row);
    if (kept.length > 2 * lines) kept.splice(0, kept.length - lines);
  }
  return kept.slice(Math.max(0, kept.length - lines));
}
