/**
 * Cuts a file into its YAML documents before anything parses it, so that one document's syntax error leaves its
 * neighbours readable. A line that starts with `---` ends a document wherever it stands, in quotes and in blocks too.
 */
import { FILE_CHARACTERS_MAX, FILE_DOCUMENTS_MAX } from "./limits.ts";

export interface DocumentText {
  readonly text: string;
  /** Where it starts in the file. */
  readonly start: number;
}

export type Cut =
  | { readonly documents: readonly DocumentText[] }
  | { readonly code: string; readonly start: number; readonly message: string };

const SEPARATOR = /(^|\r\n|\r|\n)---(?=[ \t\r\n]|$)/g;
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/;
/** Text can be made to read in another order than it is parsed; no policy needs that. */
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/;
/** YAML 1.1 breaks lines here, in a comment too, and 1.2 does not: kubectl would read a rule that a reviewer does not see. */
const DISPUTED_BREAK = /[\u0085\u2028\u2029]/;

/** Without the mark that some editors put first. Offsets count from here. */
export function withoutByteOrderMark(text: string): string {
  return text.startsWith("\ufeff") ? text.slice(1) : text;
}

export function cutDocuments(text: string): Cut {
  const whole = refuseWhole(text);
  if (whole !== undefined) return whole;
  const documents: DocumentText[] = [];
  let start = 0;
  for (const match of text.matchAll(SEPARATOR)) {
    const end = match.index + (match[1] ?? "").length;
    if (end > 0) documents.push({ text: text.slice(start, end), start });
    start = end;
    if (documents.length >= FILE_DOCUMENTS_MAX) {
      const message = `more than ${FILE_DOCUMENTS_MAX} documents in one file; split the file`;
      return { code: "TOO_MANY_DOCUMENTS", start, message };
    }
  }
  documents.push({ text: text.slice(start), start });
  return { documents: documents.filter((document) => !isEmpty(document.text)) };
}

function refuseWhole(text: string): Exclude<Cut, { documents: unknown }> | undefined {
  if (text.length > FILE_CHARACTERS_MAX) {
    const message = `the file is longer than ${FILE_CHARACTERS_MAX} characters; split it`;
    return { code: "FILE_TOO_LARGE", start: 0, message };
  }
  const nul = text.indexOf("\0");
  if (nul >= 0) {
    const message = "the file holds a NUL character; save it as UTF-8 (UTF-16 looks like this)";
    return { code: "NUL_IN_FILE", start: nul, message };
  }
  const broken = Math.max(text.indexOf("\ufffd"), text.search(LONE_SURROGATE));
  if (broken >= 0)
    return { code: "NOT_UTF8", start: broken, message: "the file is not UTF-8 here; save it as UTF-8" };
  const hidden = text.search(HIDDEN);
  if (hidden >= 0) {
    const message = "an invisible character here changes the order in which the text is read; remove it";
    return { code: "HIDDEN_CHARACTER", start: hidden, message };
  }
  const disputed = text.search(DISPUTED_BREAK);
  if (disputed >= 0) {
    const message =
      "readers disagree whether a line ends at the character here (U+0085, U+2028 or U+2029); remove it";
    return { code: "HIDDEN_CHARACTER", start: disputed, message };
  }
  return undefined;
}

/** Nothing but blanks, comments and document marks. */
function isEmpty(text: string): boolean {
  return text.split(/\r\n|\r|\n/).every((line) => /^(---|\.\.\.)?[ \t]*(#.*)?$/.test(line));
}
