/** Which files of the directory make up the trail, and how much of each. */
import { join } from "node:path";
import type { Disk } from "./disk.ts";
import {
  SEGMENT_FILE_BYTES_MAX,
  type SegmentHeader,
  decodeHeader,
  groupsOf,
  segmentName,
  segmentNumber,
} from "./segment.ts";

export interface Segment {
  readonly number: number;
  readonly bytes: Buffer;
  /** Undefined when the header is damaged and the groups behind it are not. */
  readonly header: SegmentHeader | undefined;
  readonly groupsFrom: number;
}

/** Ascending. */
export async function segmentNumbers(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  return names.flatMap((name) => segmentNumber(name) ?? []).sort((a, b) => a - b);
}

export async function readSegment(disk: Disk, directory: string, number: number): Promise<Segment> {
  const bytes = Buffer.from(await disk.read(join(directory, segmentName(number)), 0, SEGMENT_FILE_BYTES_MAX));
  const decoded = decodeHeader(bytes);
  if (decoded?.header.segment === number)
    return { number, bytes, header: decoded.header, groupsFrom: decoded.end };
  return { number, bytes, header: undefined, groupsFrom: 0 };
}

/**
 * Whether anything was ever relied on in it. The first group repeats what stands in other segments; the second is begun
 * when the segment is durable, and nothing is acknowledged before.
 */
export function isBorn(segment: Segment): boolean {
  const [first, second] = groupsOf(segment.bytes, segment.number, segment.groupsFrom);
  if (first === undefined) return false;
  return "group" in first ? second !== undefined : first.unreadable.followed;
}

/** Those above it were being made when the broker went down. */
export async function newestBorn(
  disk: Disk,
  directory: string,
  numbers: readonly number[],
): Promise<Segment | undefined> {
  for (const number of [...numbers].reverse()) {
    const segment = await readSegment(disk, directory, number);
    if (isBorn(segment)) return segment;
  }
  return undefined;
}

export interface Part {
  readonly number: number;
  /** As much of the file as the segment behind it claims; undefined for the newest: all that can be read. */
  readonly bytesClaimed: number | undefined;
}

export interface Layout {
  /** Oldest first. */
  readonly parts: readonly Part[];
  /** Claimed by a segment, and not there. */
  readonly missing: readonly Part[];
  /** There, and claimed by none. */
  readonly unclaimed: readonly number[];
}

/** Walks back from the newest segment along what each says of the one before it. */
export async function layoutOf(disk: Disk, directory: string): Promise<Layout> {
  const numbers = await segmentNumbers(disk, directory);
  const newest = await newestBorn(disk, directory, numbers);
  const parts: Part[] = [];
  let part: Part | undefined = newest && { number: newest.number, bytesClaimed: undefined };
  let missing: Part | undefined;
  while (part !== undefined && missing === undefined) {
    parts.unshift(part);
    const before = await partBefore(disk, directory, part.number, numbers);
    if (before !== undefined && !numbers.includes(before.number)) missing = before;
    part = before;
  }
  const claimed = new Set(parts.map(({ number }) => number));
  const unclaimed = numbers.filter((number) => !claimed.has(number));
  return { parts, missing: missing === undefined ? [] : [missing], unclaimed };
}

async function partBefore(
  disk: Disk,
  directory: string,
  number: number,
  numbers: readonly number[],
): Promise<Part | undefined> {
  const start = Buffer.from(await disk.read(join(directory, segmentName(number)), 0, HEADER_BYTES_MAX));
  const decoded = decodeHeader(start);
  if (decoded?.header.segment === number) {
    const { previous } = decoded.header;
    return previous && { number: previous.segment, bytesClaimed: previous.bytes };
  }
  // A damaged header claims nothing: the file below it is the likeliest.
  const lower = numbers.filter((other) => other < number).at(-1);
  return lower === undefined ? undefined : { number: lower, bytesClaimed: undefined };
}

/** With a peak for every bit of a count. */
const HEADER_BYTES_MAX = 8 * 1024;
