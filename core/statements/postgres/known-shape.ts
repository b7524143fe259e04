/** A shape that texts are known by. */
import { mentionsPath } from "./path-words.ts";
import { type ShapeReader, STRING } from "./shape.ts";

export interface ShapedLiteral {
  readonly start: number;
  readonly end: number;
}

/** Undefined for what has none, and for what has to do with the search path: what that means stands in its literals as well. */
export function shapeOf(text: Uint8Array, reader: ShapeReader): Shape | undefined {
  if (!reader.read(text) || mentionsPath(latin1Of(text))) return undefined;
  return new Shape(text, reader);
}

export class Shape {
  /** The text with a sign of its kind for each literal. */
  readonly key: string;
  readonly literals: readonly ShapedLiteral[];
  readonly hash: number;
  /** The text that it was found in. */
  readonly #text: Uint8Array;
  readonly #signs: Uint8Array;

  /** Of the text that the reader has just read. */
  constructor(text: Uint8Array, reader: ShapeReader) {
    this.hash = reader.hash;
    this.#text = Uint8Array.from(text);
    this.#signs = reader.signs.slice(0, reader.literalCount);
    const characters = latin1Of(text);
    let key = "";
    let copied = 0;
    this.literals = Array.from(this.#signs, (sign, number) => {
      const start = reader.starts[number] ?? 0;
      const end = reader.ends[number] ?? 0;
      key += characters.slice(copied, start) + String.fromCharCode(sign);
      copied = end;
      return { start, end };
    });
    this.key = key + characters.slice(copied);
  }

  /** Whether the text that the reader has just read is of this shape, byte by byte but for the literals. */
  isOf(text: Uint8Array, reader: ShapeReader): boolean {
    const { literals } = this;
    if (reader.literalCount !== literals.length) return false;
    let own = 0;
    let at = 0;
    for (let number = 0; number < literals.length; number += 1) {
      const sign = reader.signs[number];
      if (sign !== this.#signs[number]) return false;
      const start = reader.starts[number] ?? 0;
      const ownStart = literals[number]?.start ?? 0;
      if (start - at !== ownStart - own || !this.#isSame(own, ownStart, text, at)) return false;
      own = literals[number]?.end ?? 0;
      at = reader.ends[number] ?? 0;
      if (sign === STRING && mentionsPath(latin1Of(text.subarray(start, at)))) return false;
    }
    const end = this.#text.length;
    return text.length - at === end - own && this.#isSame(own, end, text, at);
  }

  #isSame(start: number, end: number, other: Uint8Array, otherStart: number): boolean {
    for (let at = start; at < end; at += 1)
      if (this.#text[at] !== other[otherStart + at - start]) return false;
    return true;
  }
}

const latin1Of = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
