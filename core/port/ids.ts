/** Session ids: 127 random bits in sixteen bytes, base64url. In files and hashes they are their sixteen bytes. */
import type { SessionId } from "./port.ts";

export const SESSION_BYTES = 16;

/** The one spelling of sixteen bytes: 22 characters, the last of which holds two bits only. */
export const SESSION_ID = /^[A-Za-z0-9_-]{21}[AQgw]$/;

export function isSessionId(text: string): text is SessionId {
  return SESSION_ID.test(text);
}

export function sessionBytes(session: SessionId): Uint8Array {
  if (!isSessionId(session)) throw new RangeError("a session id is 128 bits in base64url");
  return Buffer.from(session, "base64url");
}

/**
 * A new session's id out of sixteen random bytes. People hand ids to commands, where one that begins with `-` is an option: of the
 * first bit nothing is kept, so that the first character is a letter.
 */
export function newSessionId(random: Uint8Array): SessionId {
  const bytes = Uint8Array.from(random);
  bytes[0] = (bytes[0] ?? 0) & 0x7f;
  return sessionId(bytes);
}

export function sessionId(bytes: Uint8Array): SessionId {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64url");
}
