/** Digests that only the holder of the session's key can make: an unkeyed hash of a statement falls to a dictionary. */
import { createHash, createHmac, hash } from "node:crypto";

export const DIGEST_KEY_BYTES = 32;

/** Over a label, so that the same key never makes two digests that mean different things. */
const LABEL = Buffer.from("sallyport/text/v1\0");

/** HMAC-SHA-256 in hex, as any library makes it. */
export function textDigest(key: Uint8Array, text: Uint8Array): string {
  return createHmac("sha256", key).update(LABEL).update(text).digest("hex");
}

const BLOCK_BYTES = 64;
const HASH_BYTES = 32;
/** Longer texts are hashed piece by piece, where the price of that does not count any more. */
const SHORT_BYTES_MAX = 16 * 1024;
/** A longer text is not kept in memory for the sake of its digest. */
const REMEMBERED_BYTES_MAX = 16 * 1024;
const inner = Buffer.allocUnsafeSlow(BLOCK_BYTES + LABEL.length + SHORT_BYTES_MAX);
const outer = Buffer.allocUnsafeSlow(BLOCK_BYTES + HASH_BYTES);
LABEL.copy(inner, BLOCK_BYTES);

/**
 * The same digests for one key and many texts. HMAC is two hashes over the key's two pads (RFC 2104), and two calls over gathered
 * bytes cost a fraction of what an object of the library does.
 */
export class TextDigester {
  /** The key, with each of the two pads. */
  readonly #pads = Buffer.allocUnsafeSlow(2 * BLOCK_BYTES);

  /** A prepared statement is run again and again, each time with the one text that it was prepared with. */
  #last: { readonly text: Uint8Array; readonly digest: string } | undefined;

  /** The key's bytes are copied; whoever owns them wipes them. */
  constructor(key: Uint8Array) {
    if (key.length > BLOCK_BYTES) throw new RangeError(`a key of digests has at most ${BLOCK_BYTES} bytes`);
    this.#pads.fill(0x36, 0, BLOCK_BYTES).fill(0x5c, BLOCK_BYTES);
    for (const [at, byte] of key.entries()) {
      this.#pads.writeUInt8(byte ^ 0x36, at);
      this.#pads.writeUInt8(byte ^ 0x5c, BLOCK_BYTES + at);
    }
  }

  /** Of a text that is never written to again. */
  digest(text: Uint8Array): string {
    const known = this.known(text);
    if (known !== undefined) return known;
    const digest = this.#newDigest(text);
    this.remember(text, digest);
    return digest;
  }

  /** Of the very text that was last digested or remembered; undefined of any other. */
  known(text: Uint8Array): string | undefined {
    return this.#last?.text === text ? this.#last.digest : undefined;
  }

  remember(text: Uint8Array, digest: string): void {
    this.#last = text.length > REMEMBERED_BYTES_MAX ? undefined : { text, digest };
  }

  wipe(): void {
    this.#last = undefined;
    this.#pads.fill(0);
  }

  #newDigest(text: Uint8Array): string {
    this.#pads.copy(outer, 0, BLOCK_BYTES);
    outer.write(this.#innerHash(text), BLOCK_BYTES, "hex");
    const digest = hash("sha256", outer, "hex");
    inner.fill(0, 0, BLOCK_BYTES);
    outer.fill(0, 0, BLOCK_BYTES);
    return digest;
  }

  #innerHash(text: Uint8Array): string {
    if (text.length > SHORT_BYTES_MAX)
      return createHash("sha256")
        .update(this.#pads.subarray(0, BLOCK_BYTES))
        .update(LABEL)
        .update(text)
        .digest("hex");
    this.#pads.copy(inner, 0, 0, BLOCK_BYTES);
    inner.set(text, BLOCK_BYTES + LABEL.length);
    return hash("sha256", inner.subarray(0, BLOCK_BYTES + LABEL.length + text.length), "hex");
  }
}
