import type { Diagnostic } from "#core/api/diagnostic.ts";
import { pathText } from "#core/api/located.ts";
import { type CodedFinding, LINTS, lintKinds } from "#core/policy/lint/index.ts";
import type { Lint } from "#core/policy/lint/lint.ts";
import type { Configuration } from "./configuration.ts";
import { type CommandResult, type ExitCode, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { writeJson } from "./frame/json.ts";
import { type Paint, painter } from "./frame/paint.ts";
import { count, wrap } from "./frame/text.ts";
import { readInstant } from "./frame/time.ts";
import { renderDiagnostic, renderTally, tallyOf } from "./linting/render.ts";
import { readConfiguration } from "./reading.ts";

export const lint = command({
  summary: "check connections and policies, and warn of rules that do not do what they seem to",
  description: [
    "Reads every .yaml, .yml and .json file below DIR. What is not valid is an error: unknown fields, wrong types, " +
      "broken references. What is valid and still not what anybody means is a warning: rules that can never decide, " +
      "that allow more than was meant, or that leak what another rule protects.",
    "Exit code 1 when there are errors; with --strict also when there are warnings. `sallyport help CODE` explains a " +
      "warning, with a wrong and a right example.",
  ],
  positionals: [{ name: "DIR", help: "directory with the files" }],
  options: {
    strict: { type: "boolean", help: "let warnings fail too" },
    output: { type: "string", choices: ["human", "json"], default: "human", help: "how to print" },
    at: {
      type: "string",
      value: "TIME",
      help: "judge what has expired at this time, such as 2026-12-31T18:00:00Z, not now",
    },
  },
  examples: [
    "sallyport lint policies/",
    "sallyport lint policies/ --strict --output json",
    "sallyport help SHADOWED_RULE",
  ],
  topics: Object.fromEntries(
    Object.entries(LINTS).map(([code, lint]) => [code, (paint: Paint) => aboutText(code, lint, paint)]),
  ),
  run: async ({ options, positionals: [directory = "."] }, io): Promise<CommandResult> => {
    const at = readInstant(options.at, io);
    if (!at.ok) return { cannotRun: at.message };
    const read = readConfiguration(directory);
    if (!read.ok) return { cannotRun: read.message };
    const diagnostics = diagnose(read.value, at.value);
    if (options.output === "json") printJson(diagnostics, read.value, io);
    else printForPeople(diagnostics, read.value, io);
    return exitCodeOf(diagnostics, options.strict);
  },
});

/** What reading found, and what the lints have to say about whatever could be read, in file order. */
function diagnose(configuration: Configuration, nowMs: number): readonly Diagnostic[] {
  const { loaded } = configuration;
  const warnings = lintKinds({ loaded, nowMs }).map((finding) => warningOf(finding, configuration));
  return [...loaded.diagnostics, ...warnings].toSorted(
    (a, b) => compareTexts(a.file, b.file) || a.line - b.line || a.column - b.column,
  );
}

function warningOf({ code, object, path, message }: CodedFinding, { placeOf }: Configuration): Diagnostic {
  const place = placeOf(object, path) ?? { file: "", line: 1, column: 1 };
  return { severity: "warning", code, ...place, path: pathText(path), message };
}

function exitCodeOf(diagnostics: readonly Diagnostic[], strict: boolean): ExitCode {
  const { errors, warnings } = tallyOf(diagnostics);
  return errors > 0 || (strict && warnings > 0) ? 1 : 0;
}

function printForPeople(diagnostics: readonly Diagnostic[], configuration: Configuration, io: Io): void {
  const paint = painter(io.out.colour);
  for (const diagnostic of diagnostics)
    io.out.write(renderDiagnostic(diagnostic, configuration.textOf, paint));
  io.out.write(`${inventory(configuration)}: ${renderTally(tallyOf(diagnostics), paint)}\n`);
  const explained = diagnostics.find(({ code }) => Object.hasOwn(LINTS, code));
  if (explained !== undefined)
    io.out.write(`${paint("dim", `More on a warning: sallyport help ${explained.code}`)}\n`);
}

function printJson(diagnostics: readonly Diagnostic[], { files }: Configuration, io: Io): void {
  writeJson(io, { files: files.length, ...tallyOf(diagnostics), diagnostics });
}

function inventory({ files, loaded }: Configuration): string {
  return [
    count(files.length, "file"),
    count(loaded.connections.length, "connection"),
    count(loaded.policies.length, "policy", "policies"),
  ].join(", ");
}

function aboutText(code: string, { title, why, wrong, right }: Lint, paint: Paint): string {
  return [
    `${paint("bold", code)}: ${title}`,
    "",
    ...wrap(why, 88),
    "",
    paint("red", "Wrong"),
    ...exampleLines(wrong),
    "",
    paint("green", "Right"),
    ...exampleLines(right),
    "",
  ].join("\n");
}

function exampleLines(text: string): string[] {
  return text
    .trim()
    .split("\n")
    .map((line) => `  ${line}`.trimEnd());
}

const compareTexts = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
