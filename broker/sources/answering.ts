/** Answers each kind of challenge from a password. Whether it may be answered at all is decided before. */
import type { Challenge, Proof } from "#core/port/port.ts";
import { PASSWORD_BYTES_MAX } from "#core/port/values.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import { md5Response } from "#core/wire/postgres/md5.ts";
import { type Proving, proveWithPassword } from "./proving.ts";
import { NoCredential } from "./source.ts";

export interface PasswordOwner extends Proving {
  /** Where the password comes from, for operators. */
  readonly field: string;
  readonly user: string | undefined;
}

/** Undefined when the challenge is not one that has an answer. Throws `NoCredential`. */
export async function answerWithPassword(
  challenge: Challenge,
  password: SecretBytes,
  { field, user, ...proving }: PasswordOwner,
): Promise<Proof | undefined> {
  switch (challenge.kind) {
    case "scram-sha-256": {
      const proof = await proveWithPassword(challenge, password, proving);
      return proof === undefined ? undefined : { kind: "scram-sha-256", ...proof };
    }
    case "md5":
      // Under another name it would be the answer of another role that happens to have the same password.
      if (challenge.user !== user) return undefined;
      return { kind: "md5", response: md5Response(user, challenge.salt, password.reveal()) };
    case "cleartext":
      return { kind: "cleartext", password: sendable(password.reveal(), field) };
    case "bearer":
      return { kind: "bearer", token: bearable(password.reveal(), field) };
  }
}

/** A copy: the password is wiped here, and the answer by whoever gets it. */
function sendable(password: Uint8Array, field: string): Uint8Array {
  if (password.length > PASSWORD_BYTES_MAX)
    throw new NoCredential(field, `a password of more than ${PASSWORD_BYTES_MAX} bytes is not sent`);
  if (password.includes(0)) throw new NoCredential(field, "a password with a zero byte cannot be sent");
  return Uint8Array.from(password);
}

/** It stands in one line of a head: what is no visible ASCII would be another line, or another token. */
function bearable(token: Uint8Array, field: string): Uint8Array {
  if (token.some((byte) => byte < 0x21 || byte > 0x7e))
    throw new NoCredential(field, "a token with anything but visible ASCII characters cannot be sent");
  return sendable(token, field);
}
