/**
 * One row too large to be had whole, masked while it streams. The row's new length must be written before anything of
 * it, and depends on the lengths of the masked values: what comes before the last of them is held until it is known.
 */
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import type { Outbox } from "./outbox.ts";
import { type RowMask, rowHeader } from "./rows.ts";

export const HELD_BYTES_MAX = 64 * 1024 * 1024;

/** What all sessions of a process together may hold for rows that are being masked. */
export interface MemoryBudget {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function memoryBudget(bytesMax: number): MemoryBudget {
  let used = 0;
  return {
    take(bytes) {
      if (used + bytes > bytesMax) return false;
      used += bytes;
      return true;
    },
    give(bytes) {
      used -= bytes;
    },
  };
}

interface Cut {
  /** Offset in the frame of the value's length field. */
  readonly start: number;
  readonly end: number;
  readonly replacement: Buffer;
}

export class LongRow {
  readonly #frameBytes: number;
  #mask: RowMask;
  readonly #budget: MemoryBudget;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Of the walk: the column whose length is read next, and where it stands in the frame. */
  #column = 0;
  #lengthAt = HEADER_BYTES + 2;
  #cuts: Cut[] = [];
  #planned = false;
  /** Offset in the frame of what is written next, and the cut that comes next. */
  #at = 0;
  #nextCut = 0;

  constructor(frameBytes: number, mask: RowMask, budget: MemoryBudget) {
    this.#frameBytes = frameBytes;
    this.#mask = mask;
    this.#budget = budget;
  }

  get maskedValues(): number {
    return this.#cuts.length;
  }

  /** Something of it was written. */
  get hasBegun(): boolean {
    return this.#planned;
  }

  /** True while it goes well; false when the row cannot be masked in bounds, and then nothing of it was written. */
  feed(piece: Buffer, out: Outbox): boolean {
    if (this.#planned) {
      this.#write(piece, out);
      return true;
    }
    if (this.#heldBytes + piece.length > HELD_BYTES_MAX || !this.#budget.take(piece.length)) {
      this.release();
      return false;
    }
    this.#held.push(piece);
    this.#heldBytes += piece.length;
    if (!this.#plan()) return true;
    this.#planned = true;
    out.put(rowHeader(this.#newLength()));
    for (const part of this.release()) this.#write(part, out);
    return true;
  }

  /** Nothing of it was written, and other masks hold by now: it is walked from its start again when its next piece comes. */
  adopt(mask: RowMask): void {
    this.#mask = mask;
    this.#column = 0;
    this.#lengthAt = HEADER_BYTES + 2;
    this.#cuts = [];
  }

  /** Gives back what is held: to the budget, and itself. */
  release(): Buffer[] {
    const held = this.#held;
    this.#budget.give(this.#heldBytes);
    this.#heldBytes = 0;
    this.#held = [];
    return held;
  }

  /** Walks as far as the held bytes go; true when every masked value's length is known. */
  #plan(): boolean {
    const { replacements, columnCount } = this.#mask;
    const count = this.#column === 0 ? this.#read(HEADER_BYTES, 2) : columnCount;
    if (count === undefined) return false;
    if (count !== columnCount) throw new MalformedMessage("a row has not the columns that were described");
    while (this.#column < replacements.length) {
      const length = this.#read(this.#lengthAt, 4);
      if (length === undefined) return false;
      const end = this.#lengthAt + 4 + Math.max(length | 0, 0);
      if ((length | 0) < -1 || end > this.#frameBytes)
        throw new MalformedMessage("a value is longer than its row");
      const replacement = replacements[this.#column];
      if (replacement !== undefined && (length | 0) >= 0)
        this.#cuts.push({ start: this.#lengthAt, end, replacement });
      this.#lengthAt = end;
      this.#column += 1;
    }
    return true;
  }

  /** A number of that many bytes at an offset of the frame; undefined when it has not arrived. */
  #read(offset: number, bytes: number): number | undefined {
    if (offset + bytes > this.#heldBytes)
      return offset + bytes > this.#frameBytes ? this.#short() : undefined;
    let partStart = this.#heldBytes;
    let value = 0;
    let shift = 0;
    // From the back: the next length is almost always in the newest piece.
    for (let index = this.#held.length - 1, at = offset + bytes - 1; index >= 0 && at >= offset; index -= 1) {
      const part = this.#held[index] as Buffer;
      partStart -= part.length;
      for (; at >= offset && at >= partStart; at -= 1) {
        value |= (part[at - partStart] as number) << shift;
        shift += 8;
      }
    }
    return bytes === 4 ? value : value & 0xffff;
  }

  #short(): never {
    throw new MalformedMessage("a row ends early");
  }

  #newLength(): number {
    let length = this.#frameBytes - 1;
    for (const { start, end, replacement } of this.#cuts) length += replacement.length - (end - start);
    return length;
  }

  #write(piece: Buffer, out: Outbox): void {
    const base = this.#at;
    const end = base + piece.length;
    let from = Math.max(base, HEADER_BYTES);
    for (; this.#nextCut < this.#cuts.length; this.#nextCut += 1) {
      const cut = this.#cuts[this.#nextCut] as Cut;
      if (cut.start >= end) break;
      if (cut.start >= base) {
        if (cut.start > from) out.pass(piece, from - base, cut.start - base);
        out.put(cut.replacement);
      }
      from = Math.max(from, cut.end);
      if (cut.end > end) break;
    }
    if (from < end) out.pass(piece, from - base, end - base);
    this.#at = end;
  }
}
