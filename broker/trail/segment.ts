/** A segment's name, its header, and walking over its groups. Without I/O: a segment is read as a whole. */
import { type Tree, isTree } from "#core/audit/tree.ts";
import { canonicalText } from "#core/audit/canonical.ts";
import { parseLeaf } from "#core/audit/leaf.ts";
import { HASH_BYTES } from "#core/audit/chain.ts";
import { type GroupRead, readGroup } from "./groups.ts";
import { RECORD_TYPES, decodeRecord, encodeRecord } from "./records.ts";

export const SEGMENT_BYTES_MAX = 64 * 1024 * 1024;
/** A segment's bound, the group that crossed it and a snapshot; what is longer is not ours. */
export const SEGMENT_FILE_BYTES_MAX = 256 * 1024 * 1024;

const MAGIC = Buffer.from("sallyport-trail\n");

export interface SegmentHeader {
  /** Hex, drawn when the trail was made: segments of two trails cannot be mixed up. */
  readonly trail: string;
  /** From 1. */
  readonly segment: number;
  readonly createdMs: number;
  /**
   * The segment that this one follows, and how much of it belongs to the trail: what lies behind was never acknowledged,
   * or stands again at the beginning of this segment.
   */
  readonly previous?: { readonly segment: number; readonly bytes: number };
  /** The tree over every leaf in front of this segment. */
  readonly tree: Tree;
}

export function segmentName(segment: number): string {
  return `${String(segment).padStart(10, "0")}.trail`;
}

export function segmentNumber(name: string): number | undefined {
  const match = /^(\d{10})\.trail$/.exec(name);
  return match?.[1] === undefined || Number(match[1]) === 0 ? undefined : Number(match[1]);
}

export function encodeHeader(header: SegmentHeader): Buffer {
  const { tree, ...rest } = header;
  const peaks = tree.peaks.map((peak) => Buffer.from(peak).toString("hex"));
  const text = canonicalText({ v: 1, ...rest, leaves: tree.leaves, peaks });
  return Buffer.concat([MAGIC, encodeRecord(RECORD_TYPES.header, Buffer.from(text, "utf8"))]);
}

/** The header and where the groups begin; undefined when there is no valid one. */
export function decodeHeader(bytes: Buffer): { header: SegmentHeader; end: number } | undefined {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  const record = decodeRecord(bytes, MAGIC.length);
  if (record?.type !== RECORD_TYPES.header) return undefined;
  const value = parseLeaf(record.body);
  const tree = treeOf(value);
  if (value === undefined || tree === undefined || value["v"] !== 1) return undefined;
  const { trail, segment, createdMs, previous } = value;
  if (typeof trail !== "string" || !/^[0-9a-f]{32}$/.test(trail)) return undefined;
  if (!isCount(segment) || !isCount(createdMs)) return undefined;
  const before = previousOf(previous);
  if (previous !== undefined && before === undefined) return undefined;
  const header = { trail, segment, createdMs, tree, ...(before === undefined ? {} : { previous: before }) };
  return { header, end: record.end };
}

function treeOf(value: Readonly<Record<string, unknown>> | undefined): Tree | undefined {
  const { leaves, peaks } = value ?? {};
  if (!isCount(leaves) || !Array.isArray(peaks)) return undefined;
  const hashes = peaks.map((peak) => Buffer.from(String(peak), "hex"));
  const tree = { leaves, peaks: hashes };
  return isTree(tree) && hashes.every((hash) => hash.length === HASH_BYTES) ? tree : undefined;
}

function previousOf(value: unknown): SegmentHeader["previous"] | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { segment, bytes } = value as Record<string, unknown>;
  return isCount(segment) && isCount(bytes) ? { segment, bytes } : undefined;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

export interface WholeGroup {
  readonly number: number;
  readonly offset: number;
  readonly end: number;
  readonly records: Extract<GroupRead, { state: "whole" }>["records"];
}
/** Bytes that cannot be read. `followed`: a later group stands behind them, so they had been durable. */
export interface Unreadable {
  readonly offset: number;
  readonly bytes: number;
  readonly followed: boolean;
}

/** Every group from the offset on, whole or not, in their order; `first` is the number of the one that starts there. */
export function* groupsOf(
  bytes: Buffer,
  segment: number,
  from: number,
  first = 0,
): Generator<{ group: WholeGroup } | { unreadable: Unreadable }, void> {
  let offset = from;
  let number = first;
  while (offset < bytes.length) {
    const read = readGroup(bytes, offset, segment, number);
    if (read.state === "whole") {
      yield { group: { number, offset, end: read.end, records: read.records } };
      offset = read.end;
      number++;
      continue;
    }
    const next = read.next?.offset ?? bytes.length;
    yield { unreadable: { offset, bytes: next - offset, followed: read.next !== undefined } };
    offset = next;
    number = read.next?.group ?? number;
  }
}
