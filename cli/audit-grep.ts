import { FILTER_OPTIONS, holds, readFilter } from "./audit/filters.ts";
import { problemText, rowJson, rowText } from "./audit/render.ts";
import { type AuditRow, rowsOf, startReading } from "./audit/rows.ts";
import { DIRECTORY, OUTPUT_OPTION, SOURCE_OPTIONS, openSource } from "./audit/source.ts";
import { type CommandResult, command } from "./frame/command.ts";
import { painter } from "./frame/paint.ts";

export const auditGrep = command({
  summary: "find events of a trail by what they hold",
  description: [
    "Prints every event that holds TEXT, in its fields or in its statement, whatever the case, and that fits all given " +
      "filters. Exit code 1 when there is none.",
    "Statements are looked through only where the keys can be read; standard error says when they cannot.",
  ],
  positionals: [{ name: "TEXT", help: "what to look for, letter for letter" }, DIRECTORY],
  options: { ...FILTER_OPTIONS, ...SOURCE_OPTIONS, ...OUTPUT_OPTION },
  examples: [
    "sallyport audit grep public.customers /var/lib/sallyport/trail",
    "sallyport audit grep DROP trail/ --subject reporter --output json",
  ],
  run: async ({ options, positionals: [text = "", directory = "."] }, io): Promise<CommandResult> => {
    const filter = readFilter(options);
    if (!filter.ok) return { cannotRun: filter.message };
    const source = await openSource(directory, options.keys);
    if (!source.ok) return { cannotRun: source.message };
    if (source.value.closedBecause !== undefined)
      io.err.write(`texts are not looked through: ${source.value.closedBecause}\n`);
    const paint = painter(io.out.colour);
    let found = 0;
    for await (const row of rowsOf(startReading(directory, source.value.texts))) {
      if ("problem" in row) io.err.write(problemText(row.problem, painter(io.err.colour)));
      else if (filter.value(row) && matches(row, text)) {
        found += 1;
        io.out.write(options.output === "json" ? `${rowJson(row)}\n` : rowText(row, paint));
      }
    }
    return found === 0 ? 1 : 0;
  },
});

function matches(row: AuditRow, text: string): boolean {
  return holds(JSON.stringify(row.event), text) || (row.text !== undefined && holds(row.text, text));
}
