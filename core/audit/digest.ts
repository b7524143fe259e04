/** Digests that only the holder of the session's key can make: an unkeyed hash of a statement falls to a dictionary. */
import { type KeyObject, createHmac } from "node:crypto";

export const DIGEST_KEY_BYTES = 32;

/**
 * Hex, over a label, so that the same key never makes two digests that mean different things. Who makes many keeps a
 * KeyObject: taking the bytes in anew each time costs several times the digest.
 */
export function textDigest(key: Uint8Array | KeyObject, text: Uint8Array): string {
  return createHmac("sha256", key).update("sallyport/text/v1\0").update(text).digest("hex");
}
