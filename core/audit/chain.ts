/**
 * The session chain: each event's hash covers the one before it, so that events cannot be dropped, changed or reordered
 * without changing every hash after them. The first byte tells a chain hash from the leaf (0) and the node (1) of the
 * Merkle log, so that no value can pass for another kind.
 */
import { createHash } from "node:crypto";
import { sha256 } from "./sha256.ts";

export const HASH_BYTES = 32;
const CHAIN_PREFIX = Uint8Array.of(2);
const SEED_LABEL = "sallyport/session/v1\0";

/** What stands before the first event. The leaf of that event binds connection and caller. */
export function chainSeed(sessionBytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(SEED_LABEL).update(sessionBytes).digest();
}

const position = Buffer.alloc(8);

export function chainHash(previous: Uint8Array, seq: number, leaf: Uint8Array): Uint8Array {
  position.writeUInt32BE(Math.floor(seq / 2 ** 32), 0);
  position.writeUInt32BE(seq % 2 ** 32, 4);
  return sha256(CHAIN_PREFIX, previous, position, leaf);
}
