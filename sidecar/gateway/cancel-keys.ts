/**
 * Keys with which a client cancels its own statement from another connection. That connection may be accepted by any worker, so
 * a key says whose it is: one byte for the worker, then random bytes, which are the secret.
 */
import { randomBytes, timingSafeEqual } from "node:crypto";

export const WORKERS_MAX = 256;

export interface CancelKeys<Owner> {
  /** A new key of that many bytes for this owner. */
  issue(owner: Owner, lengthBytes: number): Uint8Array;
  /** The owner of a key of this worker; undefined for a guess. */
  ownerOf(key: Uint8Array): Owner | undefined;
  withdraw(owner: Owner): void;
}

export function workerOf(key: Uint8Array): number | undefined {
  return key[0];
}

const KEY_BYTES_MIN = 8;
/** Finds the candidate in one look-up; the rest of the key is compared in constant time. */
const INDEX_BYTES = 4;

export function openCancelKeys<Owner>(worker: number): CancelKeys<Owner> {
  const owners = new Map<number, { readonly owner: Owner; readonly key: Buffer }>();
  const indexes = new Map<Owner, number>();
  return {
    issue(owner, lengthBytes) {
      if (lengthBytes < KEY_BYTES_MIN)
        throw new RangeError(`a cancel key of ${lengthBytes} bytes can be guessed`);
      for (;;) {
        const key = randomBytes(lengthBytes);
        key[0] = worker;
        const index = key.readUInt32BE(0);
        // Zero is what clients without a key send.
        if (owners.has(index) || index === 0) continue;
        owners.set(index, { owner, key });
        indexes.set(owner, index);
        return Uint8Array.from(key);
      }
    },
    ownerOf(key) {
      if (key.length < KEY_BYTES_MIN) return undefined;
      const found = owners.get(Buffer.from(key.buffer, key.byteOffset, INDEX_BYTES).readUInt32BE(0));
      if (found === undefined || found.key.length !== key.length) return undefined;
      return timingSafeEqual(found.key, key) ? found.owner : undefined;
    },
    withdraw(owner) {
      const index = indexes.get(owner);
      if (index === undefined) return;
      indexes.delete(owner);
      owners.delete(index);
    },
  };
}
