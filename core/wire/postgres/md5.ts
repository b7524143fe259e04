/** The answer to AuthenticationMD5Password. What it is made from stays bytes: the inner hash signs in as the password does. */
import { createHash } from "node:crypto";

export const MD5_SALT_BYTES = 4;
/** `md5` and 32 hexadecimal digits. */
export const MD5_RESPONSE_BYTES = 35;

const PREFIX = Buffer.from("md5");
const DIGITS = Buffer.from("0123456789abcdef");

/** Wipes what it derives; the password is the caller's. */
export function md5Response(user: string, salt: Uint8Array, password: Uint8Array): Buffer {
  const stored = hexDigest(password, Buffer.from(user, "utf8"));
  try {
    return Buffer.concat([PREFIX, hexDigest(stored, salt)], MD5_RESPONSE_BYTES);
  } finally {
    stored.fill(0);
  }
}

function hexDigest(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("md5");
  for (const part of parts) hash.update(part);
  const digest = hash.digest();
  const hex = Buffer.alloc(2 * digest.length);
  for (const [index, byte] of digest.entries()) {
    hex[2 * index] = DIGITS[byte >> 4] as number;
    hex[2 * index + 1] = DIGITS[byte & 0xf] as number;
  }
  digest.fill(0);
  return hex;
}
