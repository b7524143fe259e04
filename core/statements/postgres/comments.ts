/**
 * libpg_query looks one token ahead without passing over comments, and so refuses what PostgreSQL takes: a comment
 * between NOT and IN, NULLS and LAST, WITH and TIME ZONE or ORDINALITY, before UESCAPE, or a line comment between two
 * parts of a string. What somebody remarks must not change a decision, so a text that is refused is tried once more with
 * its comments blanked.
 *
 * PostgreSQL's own rules decide what a comment is. Every other byte stays what and where it was.
 */
import {
  DOLLAR,
  DOUBLE,
  QUOTE,
  endOfBlockComment,
  endOfDollarQuoted,
  endOfLineComment,
  endOfQuotedName,
  endOfStringPart,
  isDigit,
  isSpace,
  isWord,
  nextStringPart,
  startsBlockComment,
  startsLineComment,
} from "./quoting.ts";

const SPACE = 32;
const UPPER_E = 69;
const LOWER_E = 101;

/** The same bytes with a space for each byte of a comment; undefined when there is nothing to blank. */
export function withoutComments(bytes: Uint8Array): Uint8Array | undefined {
  const blanked = Uint8Array.from(bytes);
  let changed = false;
  const blank = (start: number, end: number): void => {
    blanked.fill(SPACE, start, end);
    changed = true;
  };
  let afterString = false;
  let escapes = false;
  let remarksEnd = 0;
  for (let at = 0; at < bytes.length; ) {
    const byte = bytes[at];
    let end = at + 1;
    if (startsLineComment(bytes, at)) blank(at, (end = endOfLineComment(bytes, at)));
    else if (startsBlockComment(bytes, at)) {
      const commentEnd = endOfBlockComment(bytes, at);
      // PostgreSQL refuses the text for it, and would not if it were blanked.
      if (commentEnd === undefined) return undefined;
      end = commentEnd;
      // Looked up once for a run of comments, however many there are in it.
      if (at >= remarksEnd) remarksEnd = pastRemarks(bytes, at);
      // It keeps two strings apart which the line's end alone would join.
      if (!(afterString && bytes[remarksEnd] === QUOTE)) blank(at, end);
    } else if (!isSpace(byte)) {
      afterString = byte === QUOTE;
      end = byte === QUOTE ? endOfString(bytes, at, escapes, blank) : endOfToken(bytes, at);
    }
    escapes = end === at + 1 && (byte === UPPER_E || byte === LOWER_E);
    at = end;
  }
  return changed ? blanked : undefined;
}

function endOfString(
  bytes: Uint8Array,
  start: number,
  escapes: boolean,
  blank: (start: number, end: number) => void,
): number {
  let end = endOfStringPart(bytes, start, escapes);
  for (let next = nextStringPart(bytes, end); next !== undefined; next = nextStringPart(bytes, end)) {
    for (let at = end; at < next; at++) {
      if (!startsLineComment(bytes, at)) continue;
      const commentEnd = endOfLineComment(bytes, at);
      blank(at, commentEnd);
      at = commentEnd;
    }
    end = endOfStringPart(bytes, next, escapes);
  }
  return end;
}

/** A word is taken whole, so that neither the `E` of `note'` begins a string nor the dollar of `a$b` a quote. */
function endOfToken(bytes: Uint8Array, start: number): number {
  const byte = bytes[start] ?? 0;
  if (byte === DOUBLE) return endOfQuotedName(bytes, start);
  if (byte === DOLLAR) return Math.max(endOfDollarQuoted(bytes, start), start + 1);
  if (!isWord(byte)) return start + 1;
  // A dollar goes on with a name, and not with a number.
  const further = isDigit(byte) ? isWord : isWordOrDollar;
  let end = start + 1;
  while (further(bytes[end] ?? 0)) end++;
  return end;
}

const isWordOrDollar = (byte: number): boolean => byte === DOLLAR || isWord(byte);

function pastRemarks(bytes: Uint8Array, start: number): number {
  let at = start;
  for (;;) {
    if (isSpace(bytes[at])) at++;
    else if (startsLineComment(bytes, at)) at = endOfLineComment(bytes, at);
    else if (startsBlockComment(bytes, at)) at = endOfBlockComment(bytes, at) ?? bytes.length;
    else return at;
  }
}
