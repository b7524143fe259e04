import { withAnalyst } from "./analyst.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { painter } from "./frame/paint.ts";
import { readFaultless } from "./reading.ts";
import { SERVER_VERSION_OPTION, serverVersionOf } from "./server-version.ts";
import { renderJunit } from "./testing/junit.ts";
import { renderReport } from "./testing/render.ts";
import type { TestReport } from "./testing/report.ts";
import { runTests } from "./testing/run.ts";

export const test = command({
  summary: "check that policies decide what their tests expect",
  description: [
    "Decides every case of every PolicyTest below DIR with the policies below DIR, and compares outcome, code, rule, " +
      "masks and limits with what the case expects. No database is needed: names are resolved against the catalog of " +
      "a stock PostgreSQL.",
    "Rules that no case exercised are listed; with --require-coverage they fail the run. Exit code 1 when a case " +
      "fails, 2 when there is nothing to run or a file has errors.",
  ],
  positionals: [{ name: "DIR", help: "directory with connections, policies and tests" }],
  options: {
    output: { type: "string", choices: ["human", "json", "junit"], default: "human", help: "how to print" },
    "require-coverage": { type: "boolean", help: "fail when a rule is exercised by no case" },
    "server-version": SERVER_VERSION_OPTION,
    verbose: { type: "boolean", help: "name the cases that passed too" },
  },
  examples: [
    "sallyport test policies/",
    "sallyport test policies/ --require-coverage --output junit > report.xml",
  ],
  run: async ({ options, positionals: [directory = "."] }, io): Promise<CommandResult> => {
    const configuration = readFaultless(directory, io);
    if (!configuration.ok) return { cannotRun: configuration.message };
    if (configuration.value.loaded.tests.length === 0) {
      return { cannotRun: `there is no PolicyTest below ${directory}` };
    }
    const settings = { nowMs: io.nowMs(), serverVersion: serverVersionOf(options["server-version"]) };
    const report = await withAnalyst((analyse) => runTests(configuration.value, analyse, settings));
    print(report, options, io);
    const uncovered = options["require-coverage"] && report.coverage.untested.length > 0;
    return report.failed > 0 || uncovered ? 1 : 0;
  },
});

function print(
  report: TestReport,
  { output, verbose }: { readonly output: "human" | "json" | "junit"; readonly verbose: boolean },
  io: Io,
): void {
  switch (output) {
    case "human":
      io.out.write(renderReport(report, { verbose }, painter(io.out.colour)));
      return;
    case "json":
      writeJson(io, report);
      return;
    case "junit":
      io.out.write(renderJunit(report));
      return;
  }
}
