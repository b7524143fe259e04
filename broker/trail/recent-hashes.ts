/**
 * The hashes of a session's last events, in one piece of memory: as an object each, all of them would grow old before they are let go,
 * and what is old is dear to collect.
 */
import { HASH_BYTES } from "#core/audit/chain.ts";

const ROOM_MIN = 4;

export class RecentHashes {
  readonly #max: number;
  #bytes = Buffer.allocUnsafeSlow(ROOM_MIN * HASH_BYTES);
  /** Ever. */
  #count = 0;

  constructor(max: number) {
    this.#max = max;
  }

  push(hash: Uint8Array): void {
    const room = this.#bytes.length / HASH_BYTES;
    if (this.#count === room && room < this.#max) {
      const larger = Buffer.allocUnsafeSlow(Math.min(this.#max, 2 * room) * HASH_BYTES);
      this.#bytes.copy(larger);
      this.#bytes = larger;
    }
    this.#bytes.set(hash, (this.#count % this.#max) * HASH_BYTES);
    this.#count += 1;
  }

  /** The last one is 0 back. A view, good until the next one comes; undefined when it was never there or is too long ago. */
  at(back: number): Uint8Array | undefined {
    if (back < 0 || back >= Math.min(this.#count, this.#max)) return undefined;
    const start = ((this.#count - 1 - back) % this.#max) * HASH_BYTES;
    return this.#bytes.subarray(start, start + HASH_BYTES);
  }
}
