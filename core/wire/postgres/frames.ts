/**
 * Finds the frames of PostgreSQL's protocol in a stream that arrives in arbitrary pieces. It looks at five bytes of each
 * frame, allocates nothing per frame, and never holds more than one frame that its user asked to have whole.
 */

/** Type byte and length. The length counts itself but not the type. */
export const HEADER_BYTES = 5;
/** PostgreSQL allocates no more than this for one message (`MaxAllocSize`). */
export const FRAME_BYTES_MAX = 0x3fffffff;

/** What may arrive in one direction. Bounds are on the whole frame, header included. */
export interface FrameTable {
  /** By type byte; 0: there is no such type. */
  readonly bytesMax: Int32Array;
  /** By type byte: frames up to this size are yielded in one piece, larger ones in the pieces they arrive in. */
  readonly wholeBytesMax: Int32Array;
}

export interface FrameRow {
  readonly bytesMax: number;
  readonly wholeBytesMax: number;
}

export function frameTable(rows: Readonly<Record<string, FrameRow>>): FrameTable {
  const table = { bytesMax: new Int32Array(256), wholeBytesMax: new Int32Array(256) };
  for (const [types, row] of Object.entries(rows)) {
    for (const type of types) {
      table.bytesMax[type.charCodeAt(0)] = row.bytesMax;
      table.wholeBytesMax[type.charCodeAt(0)] = row.wholeBytesMax;
    }
  }
  return table;
}

const KIB = 1024;
const MIB = 1024 * KIB;
const whole = (bytesMax: number): FrameRow => ({ bytesMax, wholeBytesMax: bytesMax });

/** From a client. What policy reads is had whole; the rest passes in pieces. */
export const FRONTEND_FRAMES: FrameTable = frameTable({
  QP: whole(16 * MIB),
  // Values may be large and are nobody's business; around them stand names and formats.
  B: { bytesMax: FRAME_BYTES_MAX, wholeBytesMax: 64 * KIB },
  d: { bytesMax: FRAME_BYTES_MAX, wholeBytesMax: 0 },
  // What large objects are written and read by, in pieces of some kilobytes.
  F: whole(32 * MIB),
  DEC: whole(4 * KIB),
  HScX: whole(HEADER_BYTES),
  fp: whole(64 * KIB),
});

/** From a server. */
export const BACKEND_FRAMES: FrameTable = frameTable({
  Dd: { bytesMax: FRAME_BYTES_MAX, wholeBytesMax: 0 },
  TtGHW: whole(MIB),
  V: whole(32 * MIB),
  // An error quotes statements and values: COPY's CONTEXT a whole line.
  EN: whole(32 * MIB),
  // NOTIFY's payload ends at 8,000 bytes; names of parameters and tags are shorter still.
  ASCvRK: whole(MIB),
  "123nsIc": whole(HEADER_BYTES),
  Z: whole(HEADER_BYTES + 1),
});

/**
 * - `more`: nothing left that is complete; push the next chunk.
 * - `frame`: a whole frame stands in `bytes` from `start` to `end`.
 * - `head`: the first piece of a frame; `missing` bytes of it are yet to come.
 * - `piece`: another piece of that frame; the last one when `missing` is 0.
 * - `broken`: the stream is not PostgreSQL's protocol; `fault` says why. Nothing follows.
 */
export type Step = "more" | "frame" | "head" | "piece" | "broken";

const NOTHING = Buffer.alloc(0);
const COPIED_BYTES_MAX = 2048;

export class FrameScanner {
  /** What `start` and `end` point into: a chunk, or one frame that was put together of several. Changes with every step. */
  bytes: Buffer = NOTHING;
  start = 0;
  end = 0;
  /** Type byte of the current frame. */
  type = 0;
  /** Length of the current frame, header included. */
  frameBytes = 0;
  /** Bytes of the current frame that have not arrived. */
  missing = 0;
  fault = "";

  /** Shared: a session has two scanners, and its table would be most of what they weigh. */
  readonly #table: FrameTable;
  /** The one type that is wanted whole up to another size than the table says. */
  #wantedType = -1;
  #wantedBytesMax = 0;
  /** Pieces of a frame that is wanted whole, or of a header, until there is enough. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #neededBytes = HEADER_BYTES;
  /** What is left of the chunk that completed what was held. */
  #rest: Buffer = NOTHING;

  constructor(table: FrameTable) {
    this.#table = table;
  }

  /** Bytes that arrived and were not yielded: how much a frame that is wanted whole holds in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** From the next frame on, frames of this type are wanted whole up to this size, and those of all others as the table says. */
  wantWhole(type: number, bytesMax: number): void {
    this.#wantedType = type;
    this.#wantedBytesMax = bytesMax;
  }

  /** Only after `more`. The chunk belongs to the scanner from now on. */
  push(chunk: Buffer): void {
    this.start = 0;
    this.end = 0;
    if (this.#heldBytes === 0) {
      this.bytes = chunk;
      return;
    }
    const lacking = this.#neededBytes - this.#heldBytes;
    if (chunk.length < lacking) {
      this.#held.push(chunk);
      this.#heldBytes += chunk.length;
      this.bytes = NOTHING;
      return;
    }
    // No more than is needed: the chunk itself would be copied with every frame that does not end with it.
    this.#held.push(chunk.subarray(0, lacking));
    this.bytes = Buffer.concat(this.#held, this.#neededBytes);
    this.#rest = chunk.subarray(lacking);
    this.#held = [];
    this.#heldBytes = 0;
    this.#neededBytes = HEADER_BYTES;
  }

  next(): Step {
    if (this.fault !== "") return "broken";
    if (this.#heldBytes > 0) return "more";
    if (this.end === this.bytes.length && this.#rest.length > 0) this.push(this.#takeRest());
    const { bytes } = this;
    const at = this.end;
    const available = bytes.length - at;
    if (this.missing > 0) {
      if (available === 0) return "more";
      const taken = Math.min(available, this.missing);
      this.start = at;
      this.end = at + taken;
      this.missing -= taken;
      return "piece";
    }
    if (available < HEADER_BYTES) return this.#hold(HEADER_BYTES);
    this.type = bytes[at] as number;
    // One more than the length field says, for the type byte. The sum cannot overflow: it is a double.
    this.frameBytes = bytes.readInt32BE(at + 1) + 1;
    const bytesMax = this.#table.bytesMax[this.type] as number;
    if (this.frameBytes < HEADER_BYTES || this.frameBytes > bytesMax) return this.#break(bytesMax);
    if (available >= this.frameBytes) {
      this.start = at;
      this.end = at + this.frameBytes;
      return "frame";
    }
    if (this.frameBytes <= this.#wholeBytesMax()) return this.#hold(this.frameBytes);
    this.start = at;
    this.end = bytes.length;
    this.missing = this.frameBytes - available;
    return "head";
  }

  #wholeBytesMax(): number {
    return this.type === this.#wantedType
      ? this.#wantedBytesMax
      : (this.#table.wholeBytesMax[this.type] as number);
  }

  #hold(neededBytes: number): Step {
    const begun = this.end === 0 ? this.bytes : this.bytes.subarray(this.end);
    this.#neededBytes = neededBytes;
    if (begun.length > 0) {
      // A copy of little, so that it does not hold the whole chunk.
      this.#held.push(begun.length > COPIED_BYTES_MAX ? begun : Buffer.from(begun));
      this.#heldBytes += begun.length;
      this.bytes = this.bytes.subarray(0, this.end);
    }
    if (this.#rest.length === 0) return "more";
    this.push(this.#takeRest());
    return this.next();
  }

  #takeRest(): Buffer {
    const rest = this.#rest;
    this.#rest = NOTHING;
    return rest;
  }

  #break(bytesMax: number): Step {
    const type = bytesMax === 0 ? `0x${this.type.toString(16)}` : `'${String.fromCharCode(this.type)}'`;
    if (bytesMax === 0) this.fault = `there is no message of type ${type}`;
    else if (this.frameBytes < HEADER_BYTES)
      this.fault = `a message of type ${type} has an impossible length`;
    else this.fault = `a message of type ${type} has ${this.frameBytes} bytes; ${bytesMax} are allowed`;
    return "broken";
  }
}
