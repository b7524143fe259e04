/** AES-256-GCM over session keys and texts. Every ciphertext is bound to its place, so that none can stand for another. */
import { type KeyObject, createCipheriv, createDecipheriv, createSecretKey, randomBytes } from "node:crypto";
import { NONCE_BYTES, u64 } from "./records.ts";
import type { Kek } from "./keyring.ts";

export const TAG_BYTES = 16;
const DEK_BYTES = 32;

/** What a session keeps to itself. Both die with the wrapped form: then texts are noise and digests cannot be guessed. */
export interface SessionSecrets {
  readonly dek: Uint8Array;
  readonly digestKey: Uint8Array;
}

export function newSecrets(): SessionSecrets {
  return { dek: randomBytes(DEK_BYTES), digestKey: randomBytes(DEK_BYTES) };
}

export function wipeSecrets(secrets: SessionSecrets): void {
  textKeys.delete(secrets.dek);
  secrets.dek.fill(0);
  secrets.digestKey.fill(0);
}

export interface Sealed {
  readonly nonce: Uint8Array;
  readonly sealed: Uint8Array;
}

interface SealedParts {
  readonly nonce: Uint8Array;
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

export function wrapSecrets(kek: Kek, session: Uint8Array, secrets: SessionSecrets): Sealed {
  const plain = Buffer.concat([secrets.dek, secrets.digestKey]);
  const { nonce, ciphertext, tag } = seal(kek.key, wrapPlace(kek, session), plain);
  plain.fill(0);
  return { nonce, sealed: Buffer.concat([ciphertext, tag]) };
}

export function unwrapSecrets(kek: Kek, session: Uint8Array, wrapped: Sealed): SessionSecrets | undefined {
  const plain = open(kek.key, wrapPlace(kek, session), wrapped);
  if (plain?.length !== 2 * DEK_BYTES) return undefined;
  const secrets = { dek: Buffer.alloc(DEK_BYTES), digestKey: Buffer.alloc(DEK_BYTES) };
  plain.copy(secrets.dek, 0, 0, DEK_BYTES);
  plain.copy(secrets.digestKey, 0, DEK_BYTES);
  plain.fill(0);
  return secrets;
}

function wrapPlace(kek: Kek, session: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from("sallyport/session-key/v1\0"), kek.id, session]);
}

/** Taking a key in costs more than sealing a statement does, so that of each session it is done once. */
const textKeys = new WeakMap<Uint8Array, KeyObject>();

export function sealText(dek: Uint8Array, session: Uint8Array, seq: number, text: Uint8Array): SealedParts {
  let key = textKeys.get(dek);
  if (key === undefined) textKeys.set(dek, (key = createSecretKey(dek)));
  return seal(key, textPlace(session, seq), text);
}

export function openText(
  dek: Uint8Array,
  session: Uint8Array,
  seq: number,
  sealed: Sealed,
): Buffer | undefined {
  return open(dek, textPlace(session, seq), sealed);
}

const TEXT_LABEL = Buffer.from("sallyport/text/v1\0");

function textPlace(session: Uint8Array, seq: number): Uint8Array {
  return Buffer.concat([TEXT_LABEL, session, u64(seq)]);
}

/** The nonce is random: an event that is sent again after a failed write must not reuse one. */
function seal(key: Uint8Array | KeyObject, place: Uint8Array, plain: Uint8Array): SealedParts {
  const nonce = newNonce();
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(place);
  const ciphertext = cipher.update(plain);
  // A stream cipher holds nothing back: the end gives the tag and no bytes.
  cipher.final();
  return { nonce, ciphertext, tag: cipher.getAuthTag() };
}

/** Drawn many at a time, handed out once each: never written to again, since somebody may still hold one of them. */
const NONCES = 256;
let nonces = Buffer.alloc(0);
let noncesUsed = 0;

function newNonce(): Uint8Array {
  if (noncesUsed === nonces.length) {
    nonces = randomBytes(NONCES * NONCE_BYTES);
    noncesUsed = 0;
  }
  noncesUsed += NONCE_BYTES;
  return nonces.subarray(noncesUsed - NONCE_BYTES, noncesUsed);
}

function open(key: Uint8Array, place: Uint8Array, { nonce, sealed }: Sealed): Buffer | undefined {
  if (sealed.length < TAG_BYTES) return undefined;
  const end = sealed.length - TAG_BYTES;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(place).setAuthTag(sealed.subarray(end));
    return Buffer.concat([decipher.update(sealed.subarray(0, end)), decipher.final()]);
  } catch {
    // Another key, or not what was sealed: to the reader both are a text that cannot be had.
    return undefined;
  }
}
