import { problemText, rowJson, rowText } from "./audit/render.ts";
import { rowsOf, startReading } from "./audit/rows.ts";
import { DIRECTORY, OUTPUT_OPTION, SOURCE_OPTIONS, openSource } from "./audit/source.ts";
import { type CommandResult, command } from "./frame/command.ts";
import { painter } from "./frame/paint.ts";

export const auditShow = command({
  summary: "show one session of a trail from its opening to its end",
  description: [
    "Prints every event of the session, each with its text where the keys can be read. The beginning of the id is enough; " +
      "when several sessions have it, all of them are shown. Exit code 1 when none has.",
  ],
  positionals: [
    { name: "SESSION", help: "the session's id, as every event and the upstream's application name show it" },
    DIRECTORY,
  ],
  options: { ...SOURCE_OPTIONS, ...OUTPUT_OPTION },
  examples: ["sallyport audit show Zm9vYmFy /var/lib/sallyport/trail"],
  run: async ({ options, positionals: [session = "", directory = "."] }, io): Promise<CommandResult> => {
    const source = await openSource(directory, options.keys);
    if (!source.ok) return { cannotRun: source.message };
    if (source.value.closedBecause !== undefined)
      io.err.write(`texts stay sealed: ${source.value.closedBecause}\n`);
    const paint = painter(io.out.colour);
    let found = false;
    for await (const row of rowsOf(startReading(directory, source.value.texts))) {
      if ("problem" in row) io.err.write(problemText(row.problem, painter(io.err.colour)));
      else if (row.session.startsWith(session)) {
        found = true;
        io.out.write(options.output === "json" ? `${rowJson(row)}\n` : rowText(row, paint));
      }
    }
    return found ? 0 : 1;
  },
});
