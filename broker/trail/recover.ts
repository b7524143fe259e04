/** What a trail left behind: read once at start, so that the next segment can go on where the last durable group ended. */
import { randomBytes } from "node:crypto";
import { chainHash } from "#core/audit/chain.ts";
import type { TrailDamaged } from "#core/audit/event.ts";
import { kindRow } from "#core/audit/kinds.ts";
import { leafHead } from "#core/audit/leaf.ts";
import { EMPTY_TREE, type Tree, leafHash, withLeaf } from "#core/audit/tree.ts";
import { sessionId } from "#core/port/ids.ts";
import type { Disk } from "./disk.ts";
import { Ledger } from "./ledger.ts";
import { RECORD_TYPES, decodeHeads, decodeLeaf } from "./records.ts";
import { type Segment, newestBorn, readSegment, segmentNumbers } from "./layout.ts";
import { type SegmentHeader, type WholeGroup, groupsOf } from "./segment.ts";

export type Damage = Pick<TrailDamaged, "segment" | "offset" | "bytes" | "what">;

export interface Recovered {
  readonly trail: string;
  readonly ledger: Ledger;
  /** Over what belongs to the trail so far: without what is carried over. */
  readonly tree: Tree;
  /** What the next segment follows. */
  readonly previous: SegmentHeader["previous"];
  readonly nextSegment: number;
  /**
   * Records of the last group, if it is whole. Nothing proves that it was durable (after a failed sync it may be in
   * memory only), so it is written again; what stood in it counts from then on.
   */
  readonly carried: readonly Buffer[];
  readonly damages: readonly Damage[];
}

export async function recover(disk: Disk, directory: string): Promise<Recovered> {
  const numbers = await segmentNumbers(disk, directory);
  const damages: Damage[] = [];
  const tail = await newestBorn(disk, directory, numbers);
  if (tail !== undefined && tail.header === undefined)
    damages.push({ segment: tail.number, offset: 0, bytes: 0, what: "corrupt" });
  const nextSegment = Math.max(0, ...numbers) + 1;
  const ledger = new Ledger();
  if (tail === undefined) {
    const trail = randomBytes(16).toString("hex");
    return { trail, ledger, tree: EMPTY_TREE, previous: undefined, nextSegment, carried: [], damages };
  }
  const before = await segmentBefore(disk, directory, tail, numbers, damages);
  const treeBefore = before === undefined ? EMPTY_TREE : replay(before, ledger, []).treeWithLast;
  const replayed = replay(tail, ledger, damages, treeBefore);
  const trail = tail.header?.trail ?? before?.header?.trail ?? randomBytes(16).toString("hex");
  const previous = { segment: tail.number, bytes: replayed.durableBytes };
  return { trail, ledger, previous, nextSegment, damages, tree: replayed.tree, carried: replayed.carried };
}

/** Repetitions reach back as far as this; and where a snapshot is damaged, it holds the heads. */
async function segmentBefore(
  disk: Disk,
  directory: string,
  tail: Segment,
  numbers: readonly number[],
  damages: Damage[],
): Promise<Segment | undefined> {
  const lower = numbers.filter((number) => number < tail.number);
  const number = tail.header === undefined ? Math.max(0, ...lower) : (tail.header.previous?.segment ?? 0);
  if (number === 0) return undefined;
  if (!lower.includes(number)) {
    damages.push({ segment: number, offset: 0, bytes: tail.header?.previous?.bytes ?? 0, what: "missing" });
    return undefined;
  }
  const segment = await readSegment(disk, directory, number);
  const lengthBytes = tail.header?.previous?.bytes ?? segment.bytes.length;
  return { ...segment, bytes: segment.bytes.subarray(0, lengthBytes) };
}

interface Replayed {
  /** Without the last group, when that is whole. */
  readonly tree: Tree;
  readonly treeWithLast: Tree;
  readonly durableBytes: number;
  readonly carried: readonly Buffer[];
}

function replay(segment: Segment, ledger: Ledger, damages: Damage[], treeBefore = EMPTY_TREE): Replayed {
  let tree = segment.header?.tree ?? treeBefore;
  let last: WholeGroup | undefined;
  let durableBytes = segment.groupsFrom;
  for (const found of groupsOf(segment.bytes, segment.number, segment.groupsFrom)) {
    // Whatever comes behind a group, even broken, was begun when the group was durable.
    if (last !== undefined) tree = withGroup(tree, last);
    if ("group" in found) {
      last = found.group;
      applyGroup(last, ledger);
      durableBytes = last.offset;
      continue;
    }
    const { offset, bytes, followed } = found.unreadable;
    damages.push({ segment: segment.number, offset, bytes, what: followed ? "corrupt" : "torn-tail" });
    last = undefined;
    durableBytes = offset;
  }
  const carried = (last?.records ?? [])
    .filter(({ type }) => type === RECORD_TYPES.leaf || type === RECORD_TYPES.text)
    .map(({ raw }) => raw);
  const treeWithLast = last === undefined ? tree : withGroup(tree, last);
  return { tree, treeWithLast, durableBytes, carried };
}

function applyGroup(group: WholeGroup, ledger: Ledger): void {
  for (const { type, body } of group.records) {
    if (type === RECORD_TYPES.heads)
      for (const { session, ...state } of decodeHeads(body) ?? []) ledger.restore(sessionId(session), state);
    const record = type === RECORD_TYPES.leaf ? decodeLeaf(body) : undefined;
    if (record === undefined) continue;
    const { session, seq, previous, leaf } = record;
    const ends = kindRow(leafHead(leaf)?.kind ?? "")?.ends ?? false;
    ledger.apply({ session: sessionId(session), seq, hash: chainHash(previous, seq, leaf), ends });
  }
}

function withGroup(tree: Tree, group: WholeGroup): Tree {
  return group.records
    .filter(({ type }) => type === RECORD_TYPES.leaf)
    .reduce((grown, { body }) => withLeaf(grown, leafHash(decodeLeaf(body)?.leaf ?? body)), tree);
}
