/** Everything in a trail, in its order, as it is found: for auditors, and for the check of what a crash left. */
import { chainHash } from "#core/audit/chain.ts";
import { type Tree, EMPTY_TREE, leafHash, treeRoot, withLeaf } from "#core/audit/tree.ts";
import { sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Disk } from "./disk.ts";
import { type Part, isBorn, layoutOf, readSegment } from "./layout.ts";
import { RECORD_TYPES, decodeLeaf, decodeText } from "./records.ts";
import { type WholeGroup, groupsOf } from "./segment.ts";
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
  const reading: Reading = { tree: from?.tree ?? EMPTY_TREE, trail: undefined, groups: 0, segment: 0 };
  if (from === undefined) yield* filesAmiss(options, layout.missing, layout.unclaimed);
  for (const part of layout.parts) {
    if (from !== undefined && part.number < from.segment) continue;
    const skip = part.number === from?.segment ? from.groups : 0;
    yield* readPart(options, part, reading, skip);
  }
  const { tree, segment, groups } = reading;
  yield { kind: "end", leaves: tree.leaves, root: treeRoot(tree), position: { segment, groups, tree } };
}

interface Reading {
  tree: Tree;
  trail: string | undefined;
  segment: number;
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
  { disk, directory }: ReadOptions,
  part: Part,
  reading: Reading,
  skip: number,
): AsyncGenerator<TrailEntry, void> {
  const segment = await readSegment(disk, directory, part.number);
  const bytes = segment.bytes.subarray(0, part.bytesClaimed ?? segment.bytes.length);
  const { number, header, groupsFrom } = segment;
  const claimed = part.bytesClaimed !== undefined;
  if (claimed && bytes.length < part.bytesClaimed)
    yield problem("corrupt", number, bytes.length, part.bytesClaimed - bytes.length);
  if (header === undefined) yield problem("corrupt", number, 0, 0);
  else if (skip === 0) yield* agree(header, reading, number);
  reading.segment = number;
  reading.groups = 0;
  for (const found of groupsOf(bytes, number, groupsFrom)) {
    if ("unreadable" in found) {
      const { offset, bytes: lengthBytes, followed } = found.unreadable;
      yield problem(claimed || followed ? "corrupt" : "torn-tail", number, offset, lengthBytes);
      continue;
    }
    reading.groups += 1;
    if (reading.groups > skip) yield* readGroupEntries(found.group, number, reading);
  }
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
