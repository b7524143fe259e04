/** Diagnostics for people: where, what, the line itself, and a mark under the word that is meant. */
import type { Diagnostic } from "#core/api/diagnostic.ts";
import { type Paint, printable, type Style } from "../frame/paint.ts";
import { count, wrap } from "../frame/text.ts";

export type TextOfFile = (file: string) => string | undefined;

export function renderDiagnostic(diagnostic: Diagnostic, textOf: TextOfFile, paint: Paint): string {
  const place = `${printable(diagnostic.file)}:${diagnostic.line}:${diagnostic.column}`;
  const severity = paint(styleOf(diagnostic), diagnostic.severity);
  return [
    `${paint("bold", place)}  ${severity}  ${diagnostic.code}`,
    ...wrap(printable(diagnostic.message), MESSAGE_WIDTH).map((line) => `  ${line}`),
    ...excerpt(diagnostic, textOf, paint),
    "",
    "",
  ].join("\n");
}

const styleOf = ({ severity }: Diagnostic): Style => (severity === "error" ? "red" : "yellow");

export interface Tally {
  readonly errors: number;
  readonly warnings: number;
}

export function tallyOf(diagnostics: readonly Diagnostic[]): Tally {
  const errors = diagnostics.filter((diagnostic) => diagnostic.severity === "error").length;
  return { errors, warnings: diagnostics.length - errors };
}

export function renderTally({ errors, warnings }: Tally, paint: Paint): string {
  return [
    errors > 0 ? paint("red", count(errors, "error")) : count(errors, "error"),
    warnings > 0 ? paint("yellow", count(warnings, "warning")) : count(warnings, "warning"),
  ].join(", ");
}

const MESSAGE_WIDTH = 96;
/** A line from a hostile or generated file must not flood the screen. */
const EXCERPT_CHARACTERS_MAX = 120;

function excerpt(diagnostic: Diagnostic, textOf: TextOfFile, paint: Paint): string[] {
  const line = textOf(diagnostic.file)?.split(/\r?\n/)[diagnostic.line - 1];
  if (line === undefined || line.trim() === "" || diagnostic.column > EXCERPT_CHARACTERS_MAX) return [];
  const number = String(diagnostic.line);
  const before = line.slice(0, diagnostic.column - 1);
  const shown = line.length > EXCERPT_CHARACTERS_MAX ? `${line.slice(0, EXCERPT_CHARACTERS_MAX)}…` : line;
  const mark = paint(
    styleOf(diagnostic),
    "^".repeat(wordLength(line.slice(diagnostic.column - 1, EXCERPT_CHARACTERS_MAX))),
  );
  return [
    "",
    `  ${paint("dim", `${number} |`)} ${printable(shown)}`,
    `  ${paint("dim", `${" ".repeat(number.length)} |`)} ${" ".repeat(printable(before).length)}${mark}`,
  ];
}

/** The quoted text, or the plain word, that starts here; at least one mark is shown. */
function wordLength(rest: string): number {
  const word = /^"(?:[^"\\]|\\.)*"|^'[^']*'|^[^\s,:[\]{}#]+(?::(?=\S)[^\s,[\]{}#]+)*/.exec(rest);
  return Math.max(1, word?.[0].length ?? 1);
}
