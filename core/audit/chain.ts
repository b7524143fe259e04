/**
 * The session chain: each event's hash covers the one before it, so that events cannot be dropped, changed or reordered
 * without changing every hash after them. The first byte tells a chain hash from the leaf (0) and the node (1) of the
 * Merkle log, so that no value can pass for another kind.
 */
import { createHash } from "node:crypto";

export const HASH_BYTES = 32;
const CHAIN_PREFIX = Uint8Array.of(2);
const SEED_LABEL = "sallyport/session/v1\0";

/** What stands before the first event. The leaf of that event binds connection and caller. */
export function chainSeed(sessionBytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(SEED_LABEL).update(sessionBytes).digest();
}

export function chainHash(previous: Uint8Array, seq: number, leaf: Uint8Array): Uint8Array {
  const position = new Uint8Array(8);
  new DataView(position.buffer).setBigUint64(0, BigInt(seq));
  return createHash("sha256").update(CHAIN_PREFIX).update(previous).update(position).update(leaf).digest();
}
