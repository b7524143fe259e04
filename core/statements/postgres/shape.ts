/**
 * The shape of a text: what stands in it but for its numbers and strings. Two texts of one shape have the same parse tree
 * but for the values of those literals, so that what was found in the one holds for the other wherever analysis has looked
 * at none of the values. What must be so for that, and how it is tested: docs/decisions/0052-statements-by-shape.md.
 *
 * Whatever this does not know for certain has no shape, and is analysed by itself.
 */
import { isSpace } from "./quoting.ts";

/** Longer texts are hardly ever written by programs that write them a second time. */
export const SHAPED_TEXT_BYTES_MAX: number = 4 * 1024;

/** What stands for a literal: control characters, which no shaped text holds. The grammar tells these three apart, and no more. */
export const STRING = 1;
const INTEGER = 2;
const DECIMAL = 3;
const INTEGER_MAX = 2_147_483_647;

/** What begins with a byte. `sign`: one byte that stands for itself, white space too. `strange`: not in a shaped text. */
const SIGN = 0;
const WORD = 1;
const NUMBER = 2;
const QUOTE = 3;
const NAME = 4;
const PARAMETER = 5;
const POINT = 6;
const MINUS = 7;
const SLASH = 8;
const STRANGE = 9;

const code = (sign: string): number => sign.charCodeAt(0);
const QUOTE_CODE = code("'");
const NAME_CODE = code('"');
const POINT_CODE = code(".");

const KINDS: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const sign = String.fromCharCode(byte);
  // Printable ASCII and white space, without the backslash.
  if (!/[\t\n\v\f\r -[\]-~]/.test(sign)) return STRANGE;
  if (/[a-zA-Z_]/.test(sign)) return WORD;
  if (/[0-9]/.test(sign)) return NUMBER;
  const kinds: Readonly<Record<string, number>> = {
    "'": QUOTE,
    '"': NAME,
    $: PARAMETER,
    ".": POINT,
    "-": MINUS,
    "/": SLASH,
  };
  return kinds[sign] ?? SIGN;
});

/** What belongs to the word or number before it. */
const WORD_PARTS: Uint8Array = KINDS.map((kind) => Number([WORD, NUMBER, PARAMETER].includes(kind)));

/** Reads one text after the other, and holds what it found until the next. Nothing is made for a text whose shape is known. */
export class ShapeReader {
  /** Of the shape: the same for the same, and hardly ever for another. */
  hash = 0;
  literalCount = 0;
  /** Where each literal begins and ends, and the sign of its kind. */
  readonly starts: Uint16Array = new Uint16Array(SHAPED_TEXT_BYTES_MAX);
  readonly ends: Uint16Array = new Uint16Array(SHAPED_TEXT_BYTES_MAX);
  readonly signs: Uint8Array = new Uint8Array(SHAPED_TEXT_BYTES_MAX);
  readonly #seed: number;
  /** Of the literal read last. */
  #sign = 0;

  /** `seed`: one that nobody knows who writes texts, so that none can be made up to have the hash of others. */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** False for a text of no shape. */
  read(text: Uint8Array): boolean {
    const { length } = text;
    this.literalCount = 0;
    if (length > SHAPED_TEXT_BYTES_MAX) return false;
    let hash = this.#seed;
    for (let at = 0; at < length; ) {
      const kind = KINDS[text[at] ?? 0] ?? STRANGE;
      const end = kind === SIGN ? at + 1 : this.#endOf(kind, text, at);
      if (end === undefined) return false;
      if (kind === NUMBER || kind === QUOTE) {
        hash = mixed(hash, this.#sign);
        this.#keep(at, end);
        at = end;
      }
      for (; at < end; at += 1) hash = mixed(hash, text[at] ?? 0);
    }
    this.hash = hash;
    return this.literalCount > 0;
  }

  #keep(start: number, end: number): void {
    const number = this.literalCount;
    this.starts[number] = start;
    this.ends[number] = end;
    this.signs[number] = this.#sign;
    this.literalCount = number + 1;
  }

  /** Where what begins there ends; undefined where that is not certain. */
  #endOf(kind: number, text: Uint8Array, at: number): number | undefined {
    switch (kind) {
      case WORD:
        return endOfWord(text, at);
      case NUMBER:
        return this.#endOfNumber(text, at);
      case QUOTE:
        this.#sign = STRING;
        return endOfString(text, at);
      case NAME:
        return endOfQuoted(text, at, NAME_CODE);
      case PARAMETER:
        return certainly(text, at + 1, endOfDigits(text, at + 1));
      case POINT:
        // `.5` is a number as well, and not worth the trouble.
        return KINDS[text[at + 1] ?? 0] === NUMBER ? undefined : at + 1;
      case MINUS:
      case SLASH:
        return beginsComment(kind, text[at + 1]) ? undefined : at + 1;
      default:
        return undefined;
    }
  }

  /**
   * Plain decimal digits. What other spellings there are, and what directly behind a number is none, is the parser's. What does not
   * fit into four bytes is to the grammar what has a point in it.
   */
  #endOfNumber(text: Uint8Array, start: number): number | undefined {
    const point = endOfDigits(text, start);
    let value = 0;
    for (let at = start; at < point; at += 1) value = value * 10 + ((text[at] ?? 0) - code("0"));
    const end = text[point] === POINT_CODE ? endOfDigits(text, point + 1) : point;
    this.#sign = end === point && value <= INTEGER_MAX ? INTEGER : DECIMAL;
    return end === point + 1 ? undefined : certainly(text, start, end);
  }
}

/** FNV-1a. */
const mixed = (hash: number, byte: number): number => Math.imul(hash ^ byte, 0x01_00_01_93);

/** A word right before a quote says how the string is read: E'…', B'…', X'…', N'…', U&'…', U&"…". */
function endOfWord(text: Uint8Array, start: number): number | undefined {
  let at = start + 1;
  while (isWordPart(text, at)) at += 1;
  const isEscaped = text[at] === code("&");
  const next = text[isEscaped ? at + 1 : at];
  return next === QUOTE_CODE || (isEscaped && next === NAME_CODE) ? undefined : at;
}

function endOfDigits(text: Uint8Array, start: number): number {
  let at = start;
  while (at < text.length && KINDS[text[at] ?? 0] === NUMBER) at += 1;
  return at;
}

/** The end of digits, where there are any and nothing behind them belongs to them. */
function certainly(text: Uint8Array, start: number, end: number): number | undefined {
  return end === start || isWordPart(text, end) || text[end] === POINT_CODE ? undefined : end;
}

/** A second quote behind it would, after a line's end, be the same string going on. */
function endOfString(text: Uint8Array, start: number): number | undefined {
  const end = endOfQuoted(text, start, QUOTE_CODE);
  if (end === undefined) return undefined;
  let next = end;
  while (isSpace(text[next])) next += 1;
  return text[next] === QUOTE_CODE ? undefined : end;
}

function endOfQuoted(text: Uint8Array, start: number, quote: number): number | undefined {
  for (let at = start + 1; at < text.length; at += 1) {
    const byte = text[at] ?? 0;
    if (byte === quote) {
      if (text[at + 1] !== quote) return at + 1;
      at += 1;
    } else if (KINDS[byte] === STRANGE) return undefined;
  }
  return undefined;
}

function beginsComment(kind: number, next: number | undefined): boolean {
  return next === code(kind === MINUS ? "-" : "*");
}

const isWordPart = (text: Uint8Array, at: number): boolean =>
  at < text.length && WORD_PARTS[text[at] ?? 0] === 1;
