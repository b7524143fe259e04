/**
 * The shape of a text: what stands in it but for its numbers and strings. Two texts of one shape have the same parse tree
 * but for the values of those literals, so that what was found in the one holds for the other wherever analysis has looked
 * at none of the values. What must be so for that, and how it is tested: docs/decisions/0052-statements-by-shape.md.
 *
 * Whatever this does not know for certain has no shape, and is analysed by itself.
 */
import { mentionsPath } from "./path-words.ts";

/** Longer texts are hardly ever written by programs that write them a second time. */
export const SHAPED_TEXT_BYTES_MAX: number = 4 * 1024;

export interface ShapedLiteral {
  readonly start: number;
  readonly end: number;
}

export interface Shape {
  /** The text with a sign of its kind for each literal. */
  readonly key: string;
  readonly literals: readonly ShapedLiteral[];
}

/** Of the text's bytes as Latin-1: outside ASCII nothing has a shape. */
export function shapeOf(text: string): Shape | undefined {
  if (text.length > SHAPED_TEXT_BYTES_MAX || !LITERAL.test(text)) return undefined;
  if (!PLAIN.test(text) || mentionsPath(text)) return undefined;
  const literals: ShapedLiteral[] = [];
  let key = "";
  let copied = 0;
  for (let at = 0; at < text.length; ) {
    const kind = KINDS[text.charCodeAt(at)] ?? "sign";
    if (kind === "sign") {
      at += 1;
      continue;
    }
    const end = ENDS[kind](text, at);
    if (end === undefined) return undefined;
    const sign = kind === "number" ? numberSign(text, at, end) : kind === "quote" ? STRING : undefined;
    if (sign !== undefined) {
      key += text.slice(copied, at) + sign;
      literals.push({ start: at, end });
      copied = end;
    }
    at = end;
  }
  return literals.length === 0 ? undefined : { key: key + text.slice(copied), literals };
}

/** Printable ASCII and white space, without the backslash. */
const PLAIN = /^[\t\n\v\f\r -[\]-~]*$/;

/** Without any of these there is nothing that could differ. */
const LITERAL = /['\d]/;

/** Control characters, which no shaped text holds. The grammar tells these three apart, and no more. */
const STRING = "\u0001";
const INTEGER = "\u0002";
const DECIMAL = "\u0003";
const INTEGER_MAX = 2_147_483_647;

/** `sign`: one byte that stands for itself, white space too. */
type Kind = "sign" | "word" | "number" | "quote" | "name" | "parameter" | "point" | "minus" | "slash";

const KINDS: readonly Kind[] = Array.from({ length: 128 }, (_, unit) => {
  const sign = String.fromCharCode(unit);
  if (/[a-zA-Z_]/.test(sign)) return "word";
  if (/[0-9]/.test(sign)) return "number";
  const known: Readonly<Record<string, Kind>> = {
    "'": "quote",
    '"': "name",
    $: "parameter",
    ".": "point",
    "-": "minus",
    "/": "slash",
  };
  return known[sign] ?? "sign";
});

/** Where what begins there ends; undefined where that is not certain. */
const ENDS: Readonly<Record<Exclude<Kind, "sign">, (text: string, at: number) => number | undefined>> = {
  word: endOfWord,
  number: endOfNumber,
  quote: endOfString,
  name: (text, at) => endOfQuoted(text, at, '"'),
  parameter: (text, at) => endBefore(/\d+/y, text, at + 1),
  // `.5` is a number as well, and not worth the trouble.
  point: (text, at) => (isDigit(text, at + 1) ? undefined : at + 1),
  minus: (text, at) => (text[at + 1] === "-" ? undefined : at + 1),
  slash: (text, at) => (text[at + 1] === "*" ? undefined : at + 1),
};

/** A word right before a quote says how the string is read: E'…', B'…', X'…', N'…', U&'…', U&"…". */
function endOfWord(text: string, start: number): number | undefined {
  let at = start + 1;
  while (isWordPart(text, at)) at += 1;
  const next = text[at] === "&" ? text[at + 1] : text[at];
  return next === "'" || (next === '"' && text[at] === "&") ? undefined : at;
}

/** Plain decimal digits. What other spellings there are, and what directly behind a number is none, is the parser's. */
function endOfNumber(text: string, start: number): number | undefined {
  return endBefore(/\d+(?:\.\d+)?/y, text, start);
}

function endBefore(pattern: RegExp, text: string, start: number): number | undefined {
  pattern.lastIndex = start;
  if (!pattern.test(text)) return undefined;
  const end = pattern.lastIndex;
  return isWordPart(text, end) || text[end] === "." ? undefined : end;
}

/** A second quote behind it would, after a line's end, be the same string going on. */
function endOfString(text: string, start: number): number | undefined {
  const end = endOfQuoted(text, start, "'");
  if (end === undefined) return undefined;
  let next = end;
  while (isSpace(text, next)) next += 1;
  return text[next] === "'" ? undefined : end;
}

function endOfQuoted(text: string, start: number, quote: string): number | undefined {
  let at = text.indexOf(quote, start + 1);
  while (at >= 0 && text[at + 1] === quote) at = text.indexOf(quote, at + 2);
  return at < 0 ? undefined : at + 1;
}

/** What does not fit into four bytes is to the grammar what has a point in it. */
function numberSign(text: string, start: number, end: number): string {
  const number = text.slice(start, end);
  return Number(number) <= INTEGER_MAX && !number.includes(".") ? INTEGER : DECIMAL;
}

const isDigit = (text: string, at: number): boolean => KINDS[text.charCodeAt(at)] === "number";

export function isSpace(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit === 0x20 || (unit >= 0x09 && unit <= 0x0d);
}

/** What would belong to the word or number before it. */
function isWordPart(text: string, at: number): boolean {
  return WORD_PARTS[text.charCodeAt(at)] === 1;
}

const WORD_PARTS = Uint8Array.from(KINDS, (kind) => Number(["word", "number", "parameter"].includes(kind)));
