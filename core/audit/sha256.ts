/** SHA-256 over a few parts, one after the other. */
import { hash } from "node:crypto";

/** The longest is a leaf with what stands before it in its chain; longer input is put together for itself. */
const SCRATCH_BYTES = 66 * 1024;
const scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

/** One call over gathered parts, and a result that comes as text: of Node's ways by far the quickest for short input. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  let lengthBytes = 0;
  for (const part of parts) lengthBytes += part.length;
  const whole = lengthBytes <= SCRATCH_BYTES ? scratch : Buffer.allocUnsafeSlow(lengthBytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return Buffer.from(hash("sha256", whole.subarray(0, lengthBytes), "binary"), "latin1");
}
