/**
 * Files of wrapped session keys. Not part of the log: they may be rewritten (another wrapping key) or lose entries
 * (erasure) without touching a leaf. Each file is under one wrapping key.
 */
import { SESSION_BYTES } from "#core/port/ids.ts";
import { KEK_ID_BYTES } from "./keyring.ts";
import { NONCE_BYTES, decodeRecord, encodeRecord } from "./records.ts";
import type { Sealed } from "./sealing.ts";

const MAGIC = Buffer.from("sallyport-keys\n");
const HEADER = 0x21;
const ENTRY = 0x22;

/** A file that has grown past this is closed. */
export const KEY_FILE_BYTES_MAX = 16 * 1024 * 1024;

export function keyFileName(number: number): string {
  return `${String(number).padStart(10, "0")}.keys`;
}

export function keyFileNumber(name: string): number | undefined {
  const match = /^(\d{10})\.keys$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

export function encodeKeyFileHeader(kekId: Uint8Array): Buffer {
  return Buffer.concat([MAGIC, encodeRecord(HEADER, kekId)]);
}

export interface WrappedKey extends Sealed {
  readonly session: Uint8Array;
}

export function encodeWrappedKey(entry: WrappedKey): Buffer {
  return encodeRecord(ENTRY, entry.session, entry.nonce, entry.sealed);
}

export interface KeyFile {
  readonly kekId: Uint8Array;
  readonly entries: readonly WrappedKey[];
}

/** Up to where it can be read: what stands behind was never relied on. Undefined when there is no header. */
export function decodeKeyFile(bytes: Buffer): KeyFile | undefined {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  let record = decodeRecord(bytes, MAGIC.length);
  if (record?.type !== HEADER || record.body.length !== KEK_ID_BYTES) return undefined;
  const kekId = record.body;
  const entries: WrappedKey[] = [];
  for (;;) {
    record = decodeRecord(bytes, record.end);
    if (record?.type !== ENTRY || record.body.length <= SESSION_BYTES + NONCE_BYTES)
      return { kekId, entries };
    const { body } = record;
    entries.push({
      session: body.subarray(0, SESSION_BYTES),
      nonce: body.subarray(SESSION_BYTES, SESSION_BYTES + NONCE_BYTES),
      sealed: body.subarray(SESSION_BYTES + NONCE_BYTES),
    });
  }
}
