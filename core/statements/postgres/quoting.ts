/**
 * Where PostgreSQL's lexer sees a string, a quoted name, a dollar quote or a comment end, over bytes of UTF-8 and with
 * standard_conforming_strings on, which the gateway holds a session to. A string or name without an end runs to that of the text.
 */

const code = (character: string): number => character.charCodeAt(0);
export const QUOTE = code("'");
export const DOUBLE = code('"');
export const DOLLAR = code("$");
const DASH = code("-");
const SLASH = code("/");
const STAR = code("*");
const BACKSLASH = code("\\");
const SPACE = 32;
const NEWLINE = 10;
const RETURN = 13;

/** What may stand in an unquoted name after its first byte, but for the dollar sign. */
export const isWord = (byte: number): boolean =>
  (byte >= 97 && byte <= 122) ||
  (byte >= 65 && byte <= 90) ||
  (byte >= 48 && byte <= 57) ||
  byte === 95 ||
  byte >= 128;

export const isDigit = (byte: number): boolean => byte >= 48 && byte <= 57;

export const startsLineComment = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === DASH && bytes[at + 1] === DASH;

export const startsBlockComment = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === SLASH && bytes[at + 1] === STAR;

/** The line's end itself is no part of the comment. */
export function endOfLineComment(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && !isLineEnd(bytes[at])) at++;
  return at;
}

/** Comments nest; undefined for one that nothing closes. */
export function endOfBlockComment(bytes: Uint8Array, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < bytes.length; at++) {
    if (startsBlockComment(bytes, at)) {
      depth++;
      at++;
    } else if (bytes[at] === STAR && bytes[at + 1] === SLASH) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

/** `escapes` is for `E'…'`, where a backslash takes the byte behind it along. */
export function endOfString(bytes: Uint8Array, start: number, escapes: boolean): number {
  let end = endOfStringPart(bytes, start, escapes);
  for (;;) {
    const next = nextStringPart(bytes, end);
    if (next === undefined) return end;
    end = endOfStringPart(bytes, next, escapes);
  }
}

export const endOfStringPart = (bytes: Uint8Array, start: number, escapes: boolean): number =>
  endOfQuoted(bytes, start, QUOTE, escapes);

/**
 * A string goes on, under the rules that it began with, in the next quote after white space that has a line's end in
 * it. Line comments are white space here and block comments are not.
 */
export function nextStringPart(bytes: Uint8Array, end: number): number | undefined {
  let sawLineEnd = false;
  for (let at = end; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isLineEnd(byte)) sawLineEnd = true;
    else if (startsLineComment(bytes, at)) at = endOfLineComment(bytes, at) - 1;
    else if (!isSpace(byte)) return byte === QUOTE && sawLineEnd ? at : undefined;
  }
  return undefined;
}

export const endOfQuotedName = (bytes: Uint8Array, start: number): number =>
  endOfQuoted(bytes, start, DOUBLE, false);

/** The position itself when no dollar quote starts there. */
export function endOfDollarQuoted(bytes: Uint8Array, start: number): number {
  let tagEnd = start + 1;
  while (isWord(bytes[tagEnd] ?? 0)) tagEnd++;
  const isParameter = isDigit(bytes[start + 1] ?? 0);
  if (isParameter || bytes[tagEnd] !== DOLLAR) return start;
  const length = tagEnd - start + 1;
  for (let at = tagEnd + 1; at + length <= bytes.length; at++) {
    at = bytes.indexOf(DOLLAR, at);
    if (at < 0) return bytes.length;
    if (isSame(bytes, start, at, length)) return at + length;
  }
  return bytes.length;
}

function endOfQuoted(bytes: Uint8Array, start: number, quote: number, escapes: boolean): number {
  for (let at = start + 1; at < bytes.length; at++) {
    if (escapes && bytes[at] === BACKSLASH) at++;
    else if (bytes[at] === quote) {
      if (bytes[at + 1] !== quote) return at + 1;
      at++;
    }
  }
  return bytes.length;
}

const isLineEnd = (byte: number | undefined): boolean => byte === NEWLINE || byte === RETURN;
/** Tab, line feed, vertical tab, form feed, return and space. */
export const isSpace = (byte: number | undefined): boolean =>
  byte !== undefined && (byte === SPACE || (byte >= 9 && byte <= 13));

function isSame(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  for (let at = 0; at < length; at++) if (bytes[one + at] !== bytes[other + at]) return false;
  return true;
}
