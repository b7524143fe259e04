/**
 * Writes groups, one durable before the next begins. A group that failed is forgotten: the next one goes to its place, or
 * after a failed sync to a new segment, because a file whose sync has failed is never trusted again.
 */
import { join } from "node:path";
import { sessionBytes } from "#core/port/ids.ts";
import { type Tree, leafHash, withLeaves } from "#core/audit/tree.ts";
import { type AppendFile, type Disk, abandon } from "./disk.ts";
import { type GroupDraft, encodeGroup } from "./groups.ts";
import type { Ledger } from "./ledger.ts";
import { RECORD_HEAD_BYTES, RECORD_TYPES, decodeLeaf, encodeHeads } from "./records.ts";
import type { Recovered } from "./recover.ts";
import { SEGMENT_BYTES_MAX, type SegmentHeader, encodeHeader, segmentName } from "./segment.ts";

export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly nowMs: () => number;
  readonly segmentBytesMax?: number | undefined;
}

/** What is written together, and the leaves that are in it. */
export interface Group {
  readonly draft: GroupDraft;
  readonly leaves: readonly Uint8Array[];
}

interface Open {
  readonly file: AppendFile;
  readonly number: number;
  groups: number;
  durableBytes: number;
}

export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  readonly #trail: string;
  readonly #ledger: Ledger;
  #tree: Tree;
  #previous: SegmentHeader["previous"];
  #carried: readonly Buffer[];
  #nextSegment: number;
  #open: Open | undefined;

  constructor(options: SegmentWriterOptions, recovered: Recovered) {
    this.#options = options;
    this.#trail = recovered.trail;
    this.#ledger = recovered.ledger;
    this.#tree = recovered.tree;
    this.#previous = recovered.previous;
    this.#carried = recovered.carried;
    this.#nextSegment = recovered.nextSegment;
  }

  get tree(): Tree {
    return this.#tree;
  }

  /** Resolves when there is a segment to write to, with everything that was carried over durable in it. */
  async ready(): Promise<void> {
    const open = this.#open;
    if (open !== undefined && open.durableBytes < (this.#options.segmentBytesMax ?? SEGMENT_BYTES_MAX))
      return;
    if (open !== undefined) await this.#close(open);
    await this.#begin();
  }

  /** Resolves when the records are durable; rejects when they are not, and then they do not belong to the trail. */
  async write({ draft, leaves }: Group): Promise<void> {
    await this.ready();
    const open = this.#open;
    if (open === undefined) throw new Error("no segment is open");
    const group = draft.closed(open.number, open.groups);
    try {
      await open.file.write(group, open.durableBytes);
    } catch (error) {
      await this.#takeBack(open);
      throw error;
    }
    // The disk is given its work first; it takes longer than the tree.
    const synced = open.file.sync();
    const tree = withLeaves(this.#tree, leaves.map(leafHash));
    try {
      await synced;
    } catch (error) {
      await this.#close(open);
      throw error;
    }
    open.groups += 1;
    open.durableBytes += group.length;
    this.#tree = tree;
  }

  async close(): Promise<void> {
    if (this.#open !== undefined) await this.#close(this.#open);
  }

  /** Nothing was promised yet: the next group takes the place, if the file can be cut back to it. */
  async #takeBack(open: Open): Promise<void> {
    try {
      await open.file.truncate(open.durableBytes);
    } catch {
      await this.#close(open);
    }
  }

  async #close(open: Open): Promise<void> {
    this.#open = undefined;
    this.#previous = { segment: open.number, bytes: open.durableBytes };
    await abandon(open.file);
  }

  /** A segment starts with where every session stands, so that a restart has to read no further back than two. */
  async #begin(): Promise<void> {
    const { disk, directory, nowMs } = this.#options;
    const number = this.#nextSegment;
    const file = await disk.create(join(directory, segmentName(number)), 0o640);
    // Even a half-made file has used up its number.
    this.#nextSegment += 1;
    try {
      const header = encodeHeader({
        trail: this.#trail,
        segment: number,
        createdMs: nowMs(),
        ...(this.#previous === undefined ? {} : { previous: this.#previous }),
        tree: this.#tree,
      });
      const first = encodeGroup(number, 0, [this.#heads(), ...this.#carried]);
      await file.write(Buffer.concat([header, first]), 0);
      await file.sync();
      await disk.syncDirectory(directory);
      this.#open = { file, number, groups: 1, durableBytes: header.length + first.length };
      this.#tree = treeWith(this.#tree, this.#carried);
      this.#carried = [];
    } catch (error) {
      await abandon(file);
      throw error;
    }
  }

  #heads(): Buffer {
    return encodeHeads(
      this.#ledger.states().map(({ session, ...state }) => ({ session: sessionBytes(session), ...state })),
    );
  }
}

function treeWith(tree: Tree, records: readonly Buffer[]): Tree {
  const hashes: Uint8Array[] = [];
  for (const record of records) {
    if (record[RECORD_HEAD_BYTES - 1] !== RECORD_TYPES.leaf) continue;
    const leaf = decodeLeaf(record.subarray(RECORD_HEAD_BYTES));
    if (leaf !== undefined) hashes.push(leafHash(leaf.leaf));
  }
  return withLeaves(tree, hashes);
}
