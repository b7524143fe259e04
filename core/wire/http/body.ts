/**
 * Follows a body through the pieces that it comes in, so that it can be passed on as it is and its end is known. Nothing is
 * copied and nothing kept but where in the body we are.
 */
import type { Framing } from "./framing.ts";

export interface BodyStep {
  /** How many of the bytes belong to the body; those behind them are of the next message. */
  readonly usedBytes: number;
  /** Of those, how many are content, and no framing. */
  readonly contentBytes: number;
}

export interface BodyReader {
  readonly isDone: boolean;
  /** What is wrong with it; from then on nothing more may be passed on. */
  readonly fault: string | undefined;
  /** Whether something of our own could stand here: between two chunks. */
  readonly isBetweenChunks: boolean;
  /** The last byte of content so far. */
  readonly lastContentByte: number | undefined;
  read(bytes: Uint8Array): BodyStep;
  /** The sender has ended: true when the body may end like that. */
  end(): boolean;
}

export function openBody(framing: Framing): BodyReader {
  return framing.kind === "chunked" ? new Chunks() : new Plain(framing);
}

class Plain implements BodyReader {
  readonly fault = undefined;
  readonly isBetweenChunks = false;
  readonly #endsByClose: boolean;
  #leftBytes: number;
  lastContentByte: number | undefined;

  constructor(framing: Exclude<Framing, { readonly kind: "chunked" }>) {
    this.#endsByClose = framing.kind === "untilClose";
    const bytes = { none: 0, length: 0, untilClose: Infinity }[framing.kind];
    this.#leftBytes = framing.kind === "length" ? framing.bytes : bytes;
  }

  get isDone(): boolean {
    return this.#leftBytes === 0;
  }

  read(bytes: Uint8Array): BodyStep {
    const usedBytes = Math.min(bytes.length, this.#leftBytes);
    this.#leftBytes -= usedBytes;
    if (usedBytes > 0) this.lastContentByte = bytes[usedBytes - 1];
    return { usedBytes, contentBytes: usedBytes };
  }

  end(): boolean {
    if (this.#endsByClose) this.#leftBytes = 0;
    return this.isDone;
  }
}

/** 4 GiB less one: longer numbers are read differently by programs of 32 bits. */
const SIZE_DIGITS_MAX = 8;
const CR = 0x0d;
const LF = 0x0a;

type Place = "size" | "size LF" | "content" | "content CR" | "content LF" | "last CR" | "last LF" | "done";

/** RFC 9112, section 7.1, without chunk extensions and trailers: nobody here has a use for them but whoever hides something. */
class Chunks implements BodyReader {
  #place: Place = "size";
  #digits = 0;
  #leftBytes = 0;
  fault: string | undefined;
  lastContentByte: number | undefined;

  get isDone(): boolean {
    return this.#place === "done";
  }

  get isBetweenChunks(): boolean {
    return this.#place === "size" && this.#digits === 0;
  }

  read(bytes: Uint8Array): BodyStep {
    let at = 0;
    let contentBytes = 0;
    while (at < bytes.length && this.#place !== "done" && this.fault === undefined) {
      if (this.#place !== "content") {
        this.#step(bytes[at] ?? 0);
        at += 1;
        continue;
      }
      const taken = Math.min(this.#leftBytes, bytes.length - at);
      at += taken;
      contentBytes += taken;
      this.#leftBytes -= taken;
      this.lastContentByte = bytes[at - 1];
      if (this.#leftBytes === 0) this.#place = "content CR";
    }
    return { usedBytes: this.fault === undefined ? at : 0, contentBytes };
  }

  end(): boolean {
    return this.isDone;
  }

  #step(byte: number): void {
    switch (this.#place) {
      case "size":
        return this.#size(byte);
      case "size LF":
        return this.#expect(byte, LF, this.#leftBytes === 0 ? "last CR" : "content");
      case "content CR":
        return this.#expect(byte, CR, "content LF");
      case "content LF":
        this.#digits = 0;
        return this.#expect(byte, LF, "size");
      case "last CR":
        return byte === CR ? this.#go("last LF") : this.#break("trailers behind the last chunk");
      case "last LF":
        return this.#expect(byte, LF, "done");
      case "content":
      case "done":
        return undefined;
    }
  }

  #size(byte: number): void {
    if (byte === CR && this.#digits > 0) return this.#go("size LF");
    const digit = digitOf(byte);
    if (digit === undefined || this.#digits === SIZE_DIGITS_MAX)
      return this.#break("a chunk whose size cannot be read");
    this.#leftBytes = (this.#digits === 0 ? 0 : this.#leftBytes) * 16 + digit;
    this.#digits += 1;
  }

  #expect(byte: number, expected: number, next: Place): void {
    if (byte === expected) return this.#go(next);
    this.#break("a chunk that does not end where it should");
  }

  #go(next: Place): void {
    this.#place = next;
  }

  #break(fault: string): void {
    this.fault = fault;
  }
}

function digitOf(byte: number): number | undefined {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : undefined;
}
