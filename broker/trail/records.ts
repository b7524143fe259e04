/**
 * The bytes of a segment. docs/decisions/0010-trail-format.md is the specification; this is its codec, without I/O.
 *
 *     file   = magic, header record, group*
 *     group  = group record, that many records
 *     record = u32 length of the body, u32 CRC-32 over type and body, u8 type, body
 */
import { crc32 } from "node:zlib";
import { SESSION_BYTES } from "#core/port/ids.ts";
import { HASH_BYTES } from "#core/audit/chain.ts";

export const RECORD_TYPES = { leaf: 0x01, text: 0x02, heads: 0x03, group: 0x10, header: 0x11 } as const;

export const RECORD_HEAD_BYTES = 9;
/** The longest that a writer makes is a snapshot of the open sessions' heads. */
export const RECORD_BYTES_MAX = 16 * 1024 * 1024;

export interface RawRecord {
  readonly type: number;
  readonly body: Uint8Array;
  /** Where the next one starts. */
  readonly end: number;
}

export function encodeRecord(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const lengthBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const record = Buffer.allocUnsafe(RECORD_HEAD_BYTES + lengthBytes);
  writeRecord(record, 0, type, parts);
  return record;
}

/** Where the next one starts. */
export function writeRecord(
  into: Buffer,
  offset: number,
  type: number,
  parts: readonly Uint8Array[],
): number {
  let end = offset + RECORD_HEAD_BYTES;
  for (const part of parts) {
    into.set(part, end);
    end += part.length;
  }
  into.writeUInt32BE(end - offset - RECORD_HEAD_BYTES, offset);
  into.writeUInt8(type, offset + 8);
  into.writeUInt32BE(crc32(into.subarray(offset + 8, end)), offset + 4);
  return end;
}

/** The record at the offset, as a view; undefined when it is cut short or its checksum does not hold. */
export function decodeRecord(bytes: Buffer, offset: number, end = bytes.length): RawRecord | undefined {
  if (offset + RECORD_HEAD_BYTES > end) return undefined;
  const lengthBytes = bytes.readUInt32BE(offset);
  const next = offset + RECORD_HEAD_BYTES + lengthBytes;
  if (lengthBytes > RECORD_BYTES_MAX || next > end) return undefined;
  if (crc32(bytes.subarray(offset + 8, next)) !== bytes.readUInt32BE(offset + 4)) return undefined;
  return {
    type: bytes.readUInt8(offset + 8),
    body: bytes.subarray(offset + RECORD_HEAD_BYTES, next),
    end: next,
  };
}

export interface LeafRecord {
  readonly session: Uint8Array;
  readonly seq: number;
  /** The chain's hash before this event. */
  readonly previous: Uint8Array;
  readonly leaf: Uint8Array;
}

/** What a leaf's record is longer than the leaf. */
export const LEAF_RECORD_BYTES = RECORD_HEAD_BYTES + SESSION_BYTES + 8 + HASH_BYTES;

export function writeLeaf(into: Buffer, offset: number, record: LeafRecord): number {
  const { session, seq, previous, leaf } = record;
  return writeRecord(into, offset, RECORD_TYPES.leaf, [session, passing(seq), previous, leaf]);
}

export function decodeLeaf(body: Uint8Array): LeafRecord | undefined {
  const fixed = SESSION_BYTES + 8 + HASH_BYTES;
  if (body.length <= fixed) return undefined;
  const seq = readU64(body, SESSION_BYTES);
  if (seq === undefined) return undefined;
  return {
    session: body.subarray(0, SESSION_BYTES),
    seq,
    previous: body.subarray(SESSION_BYTES + 8, fixed),
    leaf: body.subarray(fixed),
  };
}

export const NONCE_BYTES = 12;

export interface TextRecord {
  readonly session: Uint8Array;
  readonly seq: number;
  readonly nonce: Uint8Array;
  /** Ciphertext and tag. */
  readonly sealed: Uint8Array;
}

/** The same on its way into a record. */
interface Sealing extends Omit<TextRecord, "sealed"> {
  readonly ciphertext: Uint8Array;
  readonly tag: Uint8Array;
}

/** What a text's record is longer than what has been sealed. */
export const TEXT_RECORD_BYTES = RECORD_HEAD_BYTES + SESSION_BYTES + 8 + NONCE_BYTES;

export function writeText(into: Buffer, offset: number, record: Sealing): number {
  const { session, seq, nonce, ciphertext, tag } = record;
  return writeRecord(into, offset, RECORD_TYPES.text, [session, passing(seq), nonce, ciphertext, tag]);
}

export function decodeText(body: Uint8Array): TextRecord | undefined {
  const fixed = SESSION_BYTES + 8 + NONCE_BYTES;
  if (body.length < fixed) return undefined;
  const seq = readU64(body, SESSION_BYTES);
  if (seq === undefined) return undefined;
  return {
    session: body.subarray(0, SESSION_BYTES),
    seq,
    nonce: body.subarray(SESSION_BYTES + 8, fixed),
    sealed: body.subarray(fixed),
  };
}

/** Where a session stands: what a new segment has to know of those that go on in it. */
export interface HeadEntry {
  readonly session: Uint8Array;
  readonly seq: number;
  readonly head: Uint8Array;
  readonly ended: boolean;
}

const HEAD_ENTRY_BYTES = SESSION_BYTES + 1 + 8 + HASH_BYTES;

export function encodeHeads(entries: readonly HeadEntry[]): Buffer {
  return encodeRecord(
    RECORD_TYPES.heads,
    ...entries.flatMap(({ session, seq, head, ended }) => [
      session,
      Uint8Array.of(ended ? 1 : 0),
      u64(seq),
      head,
    ]),
  );
}

export function decodeHeads(body: Uint8Array): HeadEntry[] | undefined {
  if (body.length % HEAD_ENTRY_BYTES !== 0) return undefined;
  const entries: HeadEntry[] = [];
  for (let at = 0; at < body.length; at += HEAD_ENTRY_BYTES) {
    const seq = readU64(body, at + SESSION_BYTES + 1);
    if (seq === undefined) return undefined;
    entries.push({
      session: body.subarray(at, at + SESSION_BYTES),
      ended: body[at + SESSION_BYTES] === 1,
      seq,
      head: body.subarray(at + SESSION_BYTES + 9, at + HEAD_ENTRY_BYTES),
    });
  }
  return entries;
}

export function u64(value: number): Buffer {
  return writeU64(Buffer.allocUnsafe(8), value);
}

const number = Buffer.allocUnsafeSlow(8);
/** Of a number that is copied at once: the next one stands in the same bytes. */
const passing = (value: number): Buffer => writeU64(number, value);

function writeU64(into: Buffer, value: number): Buffer {
  into.writeUInt32BE(Math.floor(value / 2 ** 32), 0);
  into.writeUInt32BE(value % 2 ** 32, 4);
  return into;
}

export function readU64(bytes: Uint8Array, offset: number): number | undefined {
  const value = new DataView(bytes.buffer, bytes.byteOffset + offset, 8).getBigUint64(0);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : undefined;
}
