/**
 * Frames, the unit of the port on any carrier that is a stream of bytes:
 *
 *     u32 length of what follows, u32 length of the head, head (JSON in UTF-8), parts (u32 length, bytes)*
 *
 * The layout is the same in every version, so that two sides that share no version can still tell each other.
 */
import { PortViolation } from "./shapes.ts";

export const FRAME_BYTES_MAX = 16 * 1024 * 1024;
/** A plan is the longest head; a batch of events has its bytes in the parts. */
export const HEAD_BYTES_MAX = 8 * 1024 * 1024;
export const PARTS_MAX = 4 * 1024;
const LENGTH_BYTES = 4;

export interface Frame {
  readonly head: unknown;
  readonly parts: readonly Uint8Array[];
}

/** The bytes of one frame, in a buffer of their own: whoever writes them wipes them when they held a secret. */
export function encodeFrame(frame: Frame): Buffer {
  const head = Buffer.from(JSON.stringify(frame.head), "utf8");
  const partsBytes = frame.parts.reduce((sum, part) => sum + LENGTH_BYTES + part.length, 0);
  const length = LENGTH_BYTES + head.length + partsBytes;
  if (length > FRAME_BYTES_MAX || head.length > HEAD_BYTES_MAX || frame.parts.length > PARTS_MAX)
    throw new RangeError("the frame is larger than the other side would take");
  const bytes = Buffer.allocUnsafeSlow(LENGTH_BYTES + length);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(head.length, LENGTH_BYTES);
  bytes.set(head, 2 * LENGTH_BYTES);
  let at = 2 * LENGTH_BYTES + head.length;
  for (const part of frame.parts) {
    bytes.writeUInt32BE(part.length, at);
    bytes.set(part, at + LENGTH_BYTES);
    at += LENGTH_BYTES + part.length;
  }
  return bytes;
}

function decodeFrame(body: Buffer): Frame {
  const headEnd = LENGTH_BYTES + body.readUInt32BE(0);
  if (headEnd > body.length) throw new PortViolation("frame", "a head within the frame");
  const parts: Uint8Array[] = [];
  for (let at = headEnd; at < body.length; ) {
    const start = at + LENGTH_BYTES;
    if (start > body.length || parts.length === PARTS_MAX) throw new PortViolation("frame", "whole parts");
    const end = start + body.readUInt32BE(at);
    if (end > body.length) throw new PortViolation("frame", "parts within the frame");
    parts.push(body.subarray(start, end));
    at = end;
  }
  return { head: headOf(body.subarray(LENGTH_BYTES, headEnd)), parts };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function headOf(bytes: Buffer): unknown {
  if (bytes.length > HEAD_BYTES_MAX)
    throw new PortViolation("frame", `a head of at most ${HEAD_BYTES_MAX} bytes`);
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch {
    throw new PortViolation("frame", "a head in JSON");
  }
}

/** Puts frames together from whatever pieces the carrier delivers. Memory grows with what arrived, not with what was announced. */
export class FrameReader {
  #frameBytesMax: number;
  #pieces: Buffer[] = [];
  #gatheredBytes = 0;

  constructor(frameBytesMax: number = FRAME_BYTES_MAX) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** For frames from the next one on, also of a piece that is being read. */
  allow(frameBytesMax: number): void {
    this.#frameBytesMax = frameBytesMax;
  }

  /** The frames that the piece completes. Their parts are views of it: copy what has to outlive them. */
  *push(piece: Buffer): Generator<Frame, void> {
    this.#pieces.push(piece);
    this.#gatheredBytes += piece.length;
    for (;;) {
      const length = this.#announced();
      if (length === undefined || this.#gatheredBytes < LENGTH_BYTES + length) return;
      const frame = this.#take(LENGTH_BYTES + length).subarray(LENGTH_BYTES);
      yield decodeFrame(frame);
    }
  }

  #announced(): number | undefined {
    if (this.#gatheredBytes < LENGTH_BYTES) return undefined;
    if ((this.#pieces[0]?.length ?? 0) < LENGTH_BYTES) this.#pieces = [this.#take(this.#gatheredBytes)];
    this.#gatheredBytes = this.#pieces.reduce((sum, { length }) => sum + length, 0);
    const length = this.#pieces[0]?.readUInt32BE(0) ?? 0;
    if (length < LENGTH_BYTES || length > this.#frameBytesMax)
      throw new PortViolation("frame", `a length of at most ${this.#frameBytesMax} bytes`);
    return length;
  }

  /** The first bytes, in one buffer; copied only when they came in pieces. */
  #take(lengthBytes: number): Buffer {
    const [first] = this.#pieces;
    this.#gatheredBytes -= lengthBytes;
    if (first !== undefined && first.length >= lengthBytes) {
      if (first.length === lengthBytes) this.#pieces.shift();
      else this.#pieces[0] = first.subarray(lengthBytes);
      return first.subarray(0, lengthBytes);
    }
    const whole = Buffer.concat(this.#pieces);
    // What was copied may be a secret; only the copy goes on, and its receiver wipes it.
    for (const piece of this.#pieces) piece.fill(0);
    this.#pieces = whole.length === lengthBytes ? [] : [whole.subarray(lengthBytes)];
    return whole.subarray(0, lengthBytes);
  }
}
