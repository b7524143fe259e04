/**
 * A look at the bytes before any parser sees them: is this worth parsing, and where? PostgreSQL's parser writes its
 * tree by recursion, so that twelve thousand terms of `a+a+…` break an instance of it; a large text holds up everybody
 * else on the thread.
 *
 * The scan knows strings, quoted names, dollar quotes and comments well enough to count what is outside of them. It
 * decides nothing about meaning: a text that fools it meets the parser's own limits and the deadline of a worker.
 */
import type { DoubtCode } from "./facts.ts";
import {
  DOLLAR,
  DOUBLE,
  QUOTE,
  endOfBlockComment,
  endOfDollarQuoted,
  endOfLineComment,
  endOfQuotedName,
  endOfString,
  isWord,
  startsBlockComment,
  startsLineComment,
} from "./quoting.ts";

export interface PrescanLimits {
  readonly textBytesMax: number;
  /** Above this the text is parsed aside, under a deadline. */
  readonly plainBytesMax: number;
}
export const PRESCAN_LIMITS: PrescanLimits = { textBytesMax: 256 * 1024, plainBytesMax: 16 * 1024 };

/** The most that the tree of a text can be nested, in tokens, before it is parsed aside; and before it is refused. */
export const NESTING_PLAIN_MAX = 1_000;
export const NESTING_MAX = 8_000;

export type Prescan =
  | { readonly verdict: "plain" | "aside" }
  | { readonly verdict: "refuse"; readonly code: DoubtCode; readonly text: string };

const refuse = (code: DoubtCode, text: string): Prescan => ({ verdict: "refuse", code, text });

export function prescan(bytes: Uint8Array, limits: PrescanLimits = PRESCAN_LIMITS): Prescan {
  if (bytes.length > limits.textBytesMax) {
    return refuse("TOO_LARGE", `is longer than the ${limits.textBytesMax} bytes that analysis takes`);
  }
  // The parser would stop here and see the first part alone.
  if (bytes.includes(0)) return refuse("NUL_IN_TEXT", "holds a NUL byte");
  if (!isUtf8(bytes)) return refuse("NOT_UTF8", "is not UTF-8");
  const nesting = nestingOf(bytes);
  if (nesting > NESTING_MAX) return refuse("TOO_DEEP", "is nested deeper than analysis follows");
  return { verdict: bytes.length > limits.plainBytesMax || nesting > NESTING_PLAIN_MAX ? "aside" : "plain" };
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function isUtf8(bytes: Uint8Array): boolean {
  let high = 0;
  for (const byte of bytes) high |= byte;
  if (high < 0x80) return true;
  try {
    decoder.decode(bytes);
    return true;
  } catch {
    return false;
  }
}

const code = (character: string): number => character.charCodeAt(0);
const OPEN = code("(");
const CLOSE = code(")");
const OPEN_SQUARE = code("[");
const CLOSE_SQUARE = code("]");
const COMMA = code(",");
const SEMICOLON = code(";");

/**
 * An upper bound, in tokens, of how deep the tree can be: every word and operator may nest one deeper, until a comma
 * starts afresh beside it. Brackets add up what stands before them.
 */
function nestingOf(bytes: Uint8Array): number {
  const outer: number[] = [];
  let here = 0;
  let total = 0;
  let deepest = 0;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    const skipped = skip(bytes, at);
    if (skipped > at) {
      at = skipped - 1;
      here++;
      total++;
    } else if (byte === OPEN || byte === OPEN_SQUARE) {
      outer.push(here);
      here = 1;
      total++;
    } else if (byte === CLOSE || byte === CLOSE_SQUARE) {
      total -= here;
      here = outer.pop() ?? 0;
    } else if (byte === COMMA || byte === SEMICOLON) {
      total -= here;
      here = 0;
    } else if (startsToken(bytes, at)) {
      here++;
      total++;
    }
    if (total > deepest) deepest = total;
  }
  return deepest;
}

/** A word counts once, each sign of an operator by itself. */
function startsToken(bytes: Uint8Array, at: number): boolean {
  const byte = bytes[at] ?? 0;
  if (byte <= 32) return false;
  return !isWord(byte) || at === 0 || !isWord(bytes[at - 1] ?? 0);
}

/** The end of the string, quoted name or comment that starts here; `at` itself when none does. */
function skip(bytes: Uint8Array, at: number): number {
  const byte = bytes[at];
  if (byte === QUOTE) return endOfString(bytes, at, isEscapeString(bytes, at));
  if (byte === DOUBLE) return endOfQuotedName(bytes, at);
  if (startsLineComment(bytes, at)) return endOfLineComment(bytes, at);
  if (startsBlockComment(bytes, at)) return endOfBlockComment(bytes, at) ?? bytes.length;
  if (byte === DOLLAR && !isWord(bytes[at - 1] ?? 0)) return endOfDollarQuoted(bytes, at);
  return at;
}

const isEscapeString = (bytes: Uint8Array, at: number): boolean =>
  (bytes[at - 1] === code("e") || bytes[at - 1] === code("E")) && !isWord(bytes[at - 2] ?? 0);
