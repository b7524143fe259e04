/** Bytes that are not what they were. */
import type { Random } from "../random.ts";

export function edited(random: Random, bytes: Buffer, edits: number): Buffer {
  let now = bytes;
  for (let count = 0; count < edits; count += 1) {
    const at = random.below(now.length + 1);
    const end = Math.min(now.length, at + 1 + random.below(8));
    const piece = Buffer.from(now.subarray(at, end));
    if (piece.length > 0) piece[random.below(piece.length)] = random.below(256);
    const by = random.pick([piece, piece, Buffer.alloc(0), random.bytes(6), Buffer.concat([piece, piece])]);
    now = Buffer.concat([now.subarray(0, at), by, now.subarray(end)]);
  }
  return now;
}
