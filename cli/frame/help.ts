/** Help texts, made from the same rows that the arguments are read by. */
import type { Command, OptionSpec, Program } from "./command.ts";
import type { Paint } from "./paint.ts";
import { wrap } from "./text.ts";

const WIDTH = 88;
const GAP = 3;

export function overview(
  program: Program,
  commands: Readonly<Record<string, Command>>,
  paint: Paint,
): string {
  const rows = Object.entries(commands).map(([name, command]) => [name, command.summary] as const);
  return [
    `${program.name}: ${program.summary}`,
    "",
    `${paint("bold", "Usage")}  ${program.name} COMMAND [OPTIONS]`,
    "",
    paint("bold", "Commands"),
    ...table([...rows, ["help COMMAND", "what a command does, its options and examples"]], paint),
    "",
    paint("bold", "Options"),
    ...table(
      [
        ["--help", "show this help; after a command, that command's"],
        ["--version", "show the version"],
      ],
      paint,
    ),
    "",
    ...wrap(EXIT_CODES, WIDTH),
    "",
  ].join("\n");
}

/** `name`: with that of its program. */
export function commandHelp(name: string, command: Command, paint: Paint): string {
  const sections = [
    [`${paint("bold", name)}: ${command.summary}`],
    [`${paint("bold", "Usage")}  ${usageLine(name, command)}`],
    ...command.description.map((paragraph) => wrap(paragraph, WIDTH)),
    section(
      "Arguments",
      command.positionals.map(({ name: word, help }) => [word, help] as const),
      paint,
    ),
    section(
      "Options",
      Object.entries(command.options).map(([option, spec]) => optionRow(option, spec)),
      paint,
    ),
    command.examples.length === 0
      ? []
      : [
          paint("bold", "Examples"),
          ...command.examples.flatMap((example) => example.split("\n").map(indent)),
        ],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n")}\n`;
}

export function usageLine(name: string, command: Command): string {
  const required = Object.entries(command.options)
    .filter(([, spec]) => spec.required)
    .map(([option, spec]) => `--${option} ${spec.value ?? "VALUE"}`);
  const named = command.positionals.map(({ name: word, optional }) => (optional ? `[${word}]` : word));
  const words = [...named, ...required, "[OPTIONS]"];
  return `${name} ${words.join(" ")}`;
}

const EXIT_CODES =
  "Exit code 0: fine. 1: it ran and found something. 2: it was called wrongly or could not run. " +
  "Colours appear only on a terminal; NO_COLOR and FORCE_COLOR are honoured.";

function section(title: string, rows: readonly (readonly [string, string])[], paint: Paint): string[] {
  return rows.length === 0 ? [] : [paint("bold", title), ...table(rows, paint)];
}

function optionRow(name: string, spec: OptionSpec): readonly [string, string] {
  const value = spec.type === "boolean" ? "" : ` ${spec.choices?.join("|") ?? spec.value ?? "VALUE"}`;
  const notes = [
    spec.default === undefined ? [] : [`default: ${spec.default}`],
    spec.multiple ? ["may be repeated"] : [],
  ].flat();
  return [
    `${spec.short === undefined ? "" : `-${spec.short}, `}--${name}${value}`,
    notes.length === 0 ? spec.help : `${spec.help} (${notes.join("; ")})`,
  ];
}

/** Two columns; a first word too long for its column stands on its own line. */
function table(rows: readonly (readonly [string, string])[], paint: Paint): string[] {
  const left = Math.min(28, Math.max(...rows.map(([word]) => word.length)));
  const margin = " ".repeat(2 + left + GAP);
  return rows.flatMap(([word, text]) => {
    const lines = wrap(text, WIDTH - margin.length);
    if (word.length > left) return [`  ${paint("cyan", word)}`, ...lines.map((line) => margin + line)];
    const padding = " ".repeat(left - word.length + GAP);
    return lines.map((line, index) =>
      index === 0 ? `  ${paint("cyan", word)}${padding}${line}` : margin + line,
    );
  });
}

const indent = (line: string): string => `  ${line}`;
