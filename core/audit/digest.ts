/** Digests that only the holder of the session's key can make: an unkeyed hash of a statement falls to a dictionary. */
import { createHmac } from "node:crypto";

export const DIGEST_KEY_BYTES = 32;

/** Hex, over a label, so that the same key never makes two digests that mean different things. */
export function textDigest(key: Uint8Array, text: Uint8Array): string {
  return createHmac("sha256", key).update("sallyport/text/v1\0").update(text).digest("hex");
}
