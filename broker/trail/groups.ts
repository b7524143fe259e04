/**
 * Groups: what was written and synced together. A group marker found behind damaged bytes proves that they had been
 * synced, because no group is written before the one in front of it is durable: that tells corruption from a torn tail.
 */
import { RECORD_HEAD_BYTES, RECORD_TYPES, decodeRecord, encodeRecord, writeRecord } from "./records.ts";

/** 0xff occurs in no UTF-8 text, so no leaf can hold this, and texts are ciphertext. */
const MARK = Buffer.from([0xff, 0x53, 0x50, 0x47, 0xff, 0x0d, 0x0a, 0xff]);
const GROUP_BODY_BYTES = MARK.length + 8 + 4 + 4 + 4;
const MARKER_BYTES = RECORD_HEAD_BYTES + GROUP_BODY_BYTES;

/** A writer closes a group at `GROUP_BYTES_MAX`; a snapshot may be longer. */
export const GROUP_BYTES_MAX = 8 * 1024 * 1024;

export interface GroupMarker {
  readonly segment: number;
  /** From 0 in each segment. */
  readonly group: number;
  readonly records: number;
  readonly lengthBytes: number;
}

export function encodeGroup(segment: number, group: number, records: readonly Uint8Array[]): Buffer {
  const lengthBytes = records.reduce((sum, record) => sum + record.length, 0);
  const numbers = numbersOf({ segment, group, records: records.length, lengthBytes });
  return Buffer.concat([encodeRecord(RECORD_TYPES.group, MARK, numbers), ...records]);
}

/** A group that is put together where it will be written from: behind the room that its marker takes. */
export class GroupDraft {
  readonly #bytes: Buffer;
  #end = MARKER_BYTES;
  #records = 0;

  /** Of all records, to the byte. */
  constructor(recordsBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(MARKER_BYTES + recordsBytes);
  }

  /** `write` gives where the next record starts. */
  add<Record>(write: (into: Buffer, offset: number, record: Record) => number, record: Record): void {
    this.#end = write(this.#bytes, this.#end, record);
    this.#records += 1;
  }

  /** The group's bytes, once it is known where it goes. */
  closed(segment: number, group: number): Buffer {
    const lengthBytes = this.#end - MARKER_BYTES;
    const numbers = numbersOf({ segment, group, records: this.#records, lengthBytes });
    writeRecord(this.#bytes, 0, RECORD_TYPES.group, [MARK, numbers]);
    return this.#bytes.subarray(0, this.#end);
  }
}

function numbersOf({ segment, group, records, lengthBytes }: GroupMarker): Buffer {
  const numbers = Buffer.alloc(20);
  numbers.writeBigUInt64BE(BigInt(segment), 0);
  numbers.writeUInt32BE(group, 8);
  numbers.writeUInt32BE(records, 12);
  numbers.writeUInt32BE(lengthBytes, 16);
  return numbers;
}

export type GroupRead =
  | {
      readonly state: "whole";
      readonly marker: GroupMarker;
      readonly records: readonly StoredRecord[];
      readonly end: number;
    }
  /** Not readable from here on. `next`: where a later group starts, if one does. */
  | { readonly state: "broken"; readonly next: NextGroup | undefined };

export interface NextGroup {
  readonly offset: number;
  readonly group: number;
}

export interface StoredRecord {
  readonly type: number;
  readonly body: Buffer;
  /** Head and body as stored. */
  readonly raw: Buffer;
}

/** Reads the group that starts at the offset of the segment's bytes. */
export function readGroup(bytes: Buffer, offset: number, segment: number, group: number): GroupRead {
  const marker = markerAt(bytes, offset);
  if (marker === undefined || marker.segment !== segment || marker.group !== group)
    return { state: "broken", next: nextMarker(bytes, offset + 1, segment, group + 1) };
  const records: StoredRecord[] = [];
  let at = offset + MARKER_BYTES;
  const end = at + marker.lengthBytes;
  while (records.length < marker.records) {
    const record = decodeRecord(bytes, at, Math.min(end, bytes.length));
    if (record === undefined) break;
    records.push({ type: record.type, body: record.body as Buffer, raw: bytes.subarray(at, record.end) });
    at = record.end;
  }
  if (at === end && records.length === marker.records) return { state: "whole", marker, records, end };
  return { state: "broken", next: nextMarker(bytes, offset + MARKER_BYTES, segment, group + 1) };
}

function markerAt(bytes: Buffer, offset: number): GroupMarker | undefined {
  const record = decodeRecord(bytes, offset);
  if (record?.type !== RECORD_TYPES.group || record.body.length !== GROUP_BODY_BYTES) return undefined;
  const body = record.body as Buffer;
  if (!body.subarray(0, MARK.length).equals(MARK)) return undefined;
  return {
    segment: Number(body.readBigUInt64BE(MARK.length)),
    group: body.readUInt32BE(MARK.length + 8),
    records: body.readUInt32BE(MARK.length + 12),
    lengthBytes: body.readUInt32BE(MARK.length + 16),
  };
}

/** The first marker of this segment from the offset on whose number is at least `group`. */
function nextMarker(bytes: Buffer, from: number, segment: number, group: number): NextGroup | undefined {
  let at = bytes.indexOf(MARK, from + RECORD_HEAD_BYTES);
  while (at !== -1) {
    const start = at - RECORD_HEAD_BYTES;
    const marker = markerAt(bytes, start);
    if (marker !== undefined && marker.segment === segment && marker.group >= group)
      return { offset: start, group: marker.group };
    at = bytes.indexOf(MARK, at + 1);
  }
  return undefined;
}
