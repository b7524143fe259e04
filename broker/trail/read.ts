/** Everything in a trail, in its order, as it is found: for auditors, and for the check of what a crash left. */
import { join } from "node:path";
import { chainHash } from "#core/audit/chain.ts";
import { type Tree, EMPTY_TREE, leafHash, treeRoot, withLeaf } from "#core/audit/tree.ts";
import { sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Disk } from "./disk.ts";
import { type Part, type Segment, isBorn, layoutOf, readSegment } from "./layout.ts";
import { RECORD_TYPES, decodeLeaf, decodeText } from "./records.ts";
import { SEGMENT_FILE_BYTES_MAX, type WholeGroup, groupsOf, segmentName } from "./segment.ts";
import type { Sealed } from "./sealing.ts";

export interface StoredLeaf {
  readonly kind: "leaf";
  readonly segment: number;
  /** Counts all leaves of the trail from 0: its place in the Merkle tree. */
  readonly index: number;
  readonly session: SessionId;
  readonly seq: number;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
  readonly leaf: Uint8Array;
}
/** The text of the leaf with the same session and number, sealed. */
export interface StoredText extends Sealed {
  readonly kind: "text";
  readonly session: SessionId;
  readonly seq: number;
}
export interface Problem {
  /**
   * corrupt: bytes that had been durable cannot be read. missing: a file that another one follows. unclaimed: a file that
   * belongs to no other. tree: leaves in front of this segment are not those it was begun with. torn-tail: bytes at the
   * very end that cannot be read (yet); they were never acknowledged.
   */
  readonly what: "corrupt" | "missing" | "unclaimed" | "tree" | "trail" | "torn-tail";
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}
export type TrailEntry =
  | StoredLeaf
  | StoredText
  | { readonly kind: "problem"; readonly problem: Problem }
  /** Behind the last leaf: what the trail comes to. */
  | { readonly kind: "end"; readonly leaves: number; readonly root: Uint8Array; readonly position: Position };

/** Where reading ended, so that a follower goes on there. */
export interface Position {
  readonly segment: number;
  /** Where the next group starts, and its number. */
  readonly offset: number;
  readonly groups: number;
  readonly tree: Tree;
}

export interface ReadOptions {
  readonly disk: Disk;
  readonly directory: string;
  /** Go on behind what was read before. */
  readonly from?: Position;
}

export async function* readTrail(options: ReadOptions): AsyncGenerator<TrailEntry, void> {
  const { disk, directory, from } = options;
  const layout = await layoutOf(disk, directory);
  const reading: Reading = {
    tree: from?.tree ?? EMPTY_TREE,
    trail: undefined,
    segment: from?.segment ?? 0,
    offset: from?.offset ?? 0,
    groups: from?.groups ?? 0,
  };
  if (from === undefined) yield* filesAmiss(options, layout.missing, layout.unclaimed);
  for (const part of layout.parts) {
    if (from !== undefined && part.number < from.segment) continue;
    yield* readPart(options, part, reading);
  }
  const { tree, segment, offset, groups } = reading;
  yield {
    kind: "end",
    leaves: tree.leaves,
    root: treeRoot(tree),
    position: { segment, offset, groups, tree },
  };
}

interface Reading {
  tree: Tree;
  trail: string | undefined;
  segment: number;
  offset: number;
  groups: number;
}

async function* filesAmiss(
  { disk, directory }: ReadOptions,
  missing: readonly Part[],
  unclaimed: readonly number[],
): AsyncGenerator<TrailEntry, void> {
  for (const { number, bytesClaimed } of missing) yield problem("missing", number, 0, bytesClaimed ?? 0);
  for (const number of unclaimed) {
    const segment = await readSegment(disk, directory, number);
    // One that was only being made holds nothing that anyone relied on.
    if (isBorn(segment)) yield problem("unclaimed", number, 0, segment.bytes.length);
  }
}

async function* readPart(
  options: ReadOptions,
  part: Part,
  reading: Reading,
): AsyncGenerator<TrailEntry, void> {
  const { number, bytesClaimed } = part;
  if (options.from?.segment !== number || reading.segment !== number)
    yield* beginPart(await readSegment(options.disk, options.directory, number), reading);
  const start = reading.offset;
  const path = join(options.directory, segmentName(number));
  const wanted = (bytesClaimed ?? SEGMENT_FILE_BYTES_MAX) - start;
  const bytes = Buffer.from(await options.disk.read(path, start, wanted));
  if (bytesClaimed !== undefined && bytes.length < wanted)
    yield problem("corrupt", number, start + bytes.length, wanted - bytes.length);
  for (const found of groupsOf(bytes, number, 0, reading.groups)) {
    if ("unreadable" in found) {
      const { offset, bytes: lengthBytes, followed } = found.unreadable;
      const what = bytesClaimed !== undefined || followed ? "corrupt" : "torn-tail";
      yield problem(what, number, start + offset, lengthBytes);
      continue;
    }
    reading.groups = found.group.number + 1;
    reading.offset = start + found.group.end;
    yield* readGroupEntries(found.group, number, reading);
  }
}

function* beginPart(segment: Segment, reading: Reading): Generator<TrailEntry, void> {
  const { number, header, groupsFrom } = segment;
  if (header === undefined) yield problem("corrupt", number, 0, 0);
  else yield* agree(header, reading, number);
  reading.segment = number;
  reading.offset = groupsFrom;
  reading.groups = 0;
}

/** What a segment says it was begun behind has to be what stands in front of it. */
function* agree(
  header: { readonly trail: string; readonly tree: Tree },
  reading: Reading,
  segment: number,
): Generator<TrailEntry, void> {
  const first = reading.trail === undefined;
  if (!first && reading.trail !== header.trail) yield problem("trail", segment, 0, 0);
  reading.trail = header.trail;
  const same =
    reading.tree.leaves === header.tree.leaves &&
    Buffer.compare(treeRoot(reading.tree), treeRoot(header.tree)) === 0;
  // The oldest segment there is stands for itself: that one in front of it is missing is told elsewhere.
  if (!same && !first) yield problem("tree", segment, 0, 0);
  reading.tree = header.tree;
}

function* readGroupEntries(
  group: WholeGroup,
  segment: number,
  reading: Reading,
): Generator<TrailEntry, void> {
  for (const { type, body } of group.records) {
    if (type === RECORD_TYPES.leaf) {
      const record = decodeLeaf(body);
      if (record === undefined) continue;
      const { seq, previous, leaf } = record;
      const index = reading.tree.leaves;
      reading.tree = withLeaf(reading.tree, leafHash(leaf));
      const hash = chainHash(previous, seq, leaf);
      yield { kind: "leaf", segment, index, session: sessionId(record.session), seq, previous, hash, leaf };
    }
    const text = type === RECORD_TYPES.text ? decodeText(body) : undefined;
    if (text === undefined) continue;
    const { seq, nonce, sealed } = text;
    yield { kind: "text", session: sessionId(text.session), seq, nonce, sealed };
  }
}

function problem(what: Problem["what"], segment: number, offset: number, bytes: number): TrailEntry {
  return { kind: "problem", problem: { what, segment, offset, bytes } };
}
