/** A finding as people read it: where, what, and the line itself with a mark under the place. */
import type { Diagnostic } from "./diagnostic.ts";
import { withoutByteOrderMark } from "./documents.ts";

const LINE_CHARACTERS_MAX = 120;

/** `sourceText` is the text of the finding's file; without it the line is not shown. No colours, no newline at the end. */
export function formatDiagnostic(diagnostic: Diagnostic, sourceText?: string): string {
  const { severity, code, file, line, column, path, message } = diagnostic;
  const where = path === "" ? "" : `${path}: `;
  const head = printable(`${file}:${line}:${column}: ${severity}: ${where}${message} [${code}]`);
  const source = sourceText === undefined ? undefined : sourceLine(sourceText, line);
  return source === undefined ? head : `${head}\n${excerpt(source, line, column)}`;
}

function sourceLine(text: string, line: number): string | undefined {
  return withoutByteOrderMark(text).split(/\r\n|\r|\n/)[line - 1];
}

function excerpt(source: string, line: number, column: number): string {
  const characters = [...source];
  const from = column > LINE_CHARACTERS_MAX - 20 ? column - LINE_CHARACTERS_MAX / 2 : 0;
  const shown = printable(characters.slice(from, from + LINE_CHARACTERS_MAX).join(""));
  const gutter = `${line}`.padStart(5);
  const mark = " ".repeat(Math.max(0, column - 1 - from));
  return `${gutter} | ${shown}\n${" ".repeat(5)} | ${mark}^`;
}

/** One character for one, so that the mark stays under its place and nothing reaches the terminal as a command. */
function printable(text: string): string {
  return text.replaceAll("\t", " ").replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu, "\ufffd");
}
