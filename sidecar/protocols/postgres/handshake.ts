/** Reading from a socket step by step, before the relay takes over. Nothing is read that nobody asked for. */
import type { Socket } from "node:net";
import { BACKEND_FRAMES, FrameScanner, type FrameTable, HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { PeerBroke, PeerLeft } from "../peer.ts";
import { readSome } from "../reading.ts";

export async function readExactly(socket: Socket, bytes: number, signal: AbortSignal): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let left = bytes; left > 0; ) {
    const part = await readSome(socket, signal, left);
    if (part === undefined) throw new PeerLeft("the peer left in the middle of a message");
    parts.push(part);
    left -= part.length;
  }
  const whole = Buffer.concat(parts, bytes);
  // A token may be in it, and the caller can only wipe what it is given.
  for (const part of parts) part.fill(0);
  return whole;
}

export interface Frame {
  /** The type byte as a character. */
  readonly type: string;
  readonly bytes: Buffer;
}

const HANDSHAKE_FRAME_BYTES_MAX = 64 * 1024;

/** One whole message, and not a byte more. Only for what is exchanged before the relay. */
export async function readFrame(
  socket: Socket,
  signal: AbortSignal,
  table: FrameTable = BACKEND_FRAMES,
): Promise<Frame> {
  const header = await readExactly(socket, HEADER_BYTES, signal);
  const scanner = new FrameScanner(table);
  scanner.push(header);
  if (scanner.next() === "broken") throw new PeerBroke(scanner.fault);
  if (scanner.frameBytes > HANDSHAKE_FRAME_BYTES_MAX) throw new PeerBroke("a message is too long");
  const body = await readExactly(socket, scanner.frameBytes - HEADER_BYTES, signal);
  const bytes = Buffer.concat([header, body]);
  // A password came in it: the copy that is returned is the only one left.
  header.fill(0);
  body.fill(0);
  return { type: String.fromCharCode(scanner.type), bytes };
}
