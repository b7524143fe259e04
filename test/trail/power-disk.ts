/**
 * A disk that can lose power: what was not synced may survive, in part, in any pattern of blocks, or not at all; names
 * made, moved or removed without a sync of their directory may come and go. Faults are told by the test.
 */
import { dirname, basename } from "node:path";
import type { AppendFile, Disk, FileFacts } from "#broker/trail/disk.ts";

const BLOCK_BYTES = 64;

export interface Faults {
  /** Called before each effect; what it throws is thrown, and for a sync the data stay where they were. */
  before?(operation: "write" | "sync" | "create" | "syncDirectory", path: string): void;
}

interface Inode {
  /** What a reader sees. */
  bytes: Buffer;
  /** What is on the platter. */
  durable: Buffer;
  /** After a failed sync the kernel calls these pages clean: no later sync writes them. */
  forgotten: boolean;
  readonly mode: number;
}

type Names = Map<string, Inode>;

export class PowerDisk implements Disk {
  readonly #now = new Map<string, Names>();
  readonly #durable = new Map<string, Names>();
  faults: Faults = {};
  readonly #versions = new WeakMap<Buffer, string>();
  #lastVersion = 0;

  async makeDirectory(path: string): Promise<void> {
    // Directories are made before anything depends on them; losing them is not what is tested.
    if (!this.#now.has(path)) {
      this.#now.set(path, new Map());
      this.#durable.set(path, new Map());
    }
  }

  async list(path: string): Promise<readonly string[]> {
    return [...this.#names(path).keys()];
  }

  async inspect(path: string): Promise<FileFacts> {
    if (this.#now.has(path)) return { lengthBytes: 0, mode: 0o700, uid: 0, version: "directory" };
    const inode = this.#inode(path);
    return { lengthBytes: inode.bytes.length, mode: inode.mode, uid: 0, version: this.#versionOf(inode) };
  }

  /** Whatever changes a content makes it another one. */
  #versionOf({ bytes }: Inode): string {
    const known = this.#versions.get(bytes);
    if (known !== undefined) return known;
    this.#lastVersion += 1;
    const version = String(this.#lastVersion);
    this.#versions.set(bytes, version);
    return version;
  }

  async read(path: string, offset: number, lengthBytes: number): Promise<Uint8Array> {
    return Buffer.from(this.#inode(path).bytes.subarray(offset, offset + lengthBytes));
  }

  async create(path: string, mode: number): Promise<AppendFile> {
    this.faults.before?.("create", path);
    const names = this.#names(dirname(path));
    if (names.has(basename(path))) throw coded("EEXIST");
    const inode: Inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), forgotten: false, mode };
    names.set(basename(path), inode);
    return this.#file(path, inode);
  }

  async rename(from: string, to: string): Promise<void> {
    const inode = this.#inode(from);
    this.#names(dirname(from)).delete(basename(from));
    this.#names(dirname(to)).set(basename(to), inode);
  }

  async remove(path: string): Promise<void> {
    this.#names(dirname(path)).delete(basename(path));
  }

  async syncDirectory(path: string): Promise<void> {
    this.faults.before?.("syncDirectory", path);
    this.#durable.set(path, new Map(this.#names(path)));
  }

  async lock(): Promise<AsyncDisposable> {
    return { [Symbol.asyncDispose]: async () => undefined };
  }

  /** `chance` (0 to 1, exclusive) decides for each name and block that was not synced whether it made it. */
  losePower(chance: () => number): void {
    for (const [directory, names] of this.#now) {
      const durable = this.#durable.get(directory) ?? new Map<string, Inode>();
      const survivors: Names = new Map(durable);
      for (const [name, inode] of names) if (!durable.has(name) && chance() < 0.5) survivors.set(name, inode);
      for (const name of durable.keys()) if (!names.has(name) && chance() < 0.5) survivors.delete(name);
      for (const inode of survivors.values()) loseBlocks(inode, chance);
      this.#now.set(directory, survivors);
      this.#durable.set(directory, new Map(survivors));
    }
  }

  /** The process dies, the machine does not: everything written is there to be read, nothing more of it is durable. */
  files(directory: string): Map<string, Buffer> {
    return new Map([...this.#names(directory)].map(([name, { bytes }]) => [name, bytes]));
  }

  corrupt(path: string, offset: number): void {
    const inode = this.#inode(path);
    for (const bytes of [inode.bytes, inode.durable])
      if (offset < bytes.length) bytes[offset] = (bytes[offset] ?? 0) ^ 0x55;
  }

  #file(path: string, inode: Inode): AppendFile {
    return {
      write: async (bytes, offset) => {
        this.#partly(path, inode, bytes, offset);
        inode.bytes = written(inode.bytes, bytes, offset);
      },
      sync: async () => {
        try {
          this.faults.before?.("sync", path);
        } catch (error) {
          inode.forgotten = true;
          throw error;
        }
        // A sync after a failed one says yes and stores nothing of what the failed one lost.
        if (!inode.forgotten) inode.durable = Buffer.from(inode.bytes);
      },
      truncate: async (lengthBytes) => {
        inode.bytes = Buffer.from(inode.bytes.subarray(0, lengthBytes));
      },
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** A write that fails has written some of it. */
  #partly(path: string, inode: Inode, bytes: Uint8Array, offset: number): void {
    try {
      this.faults.before?.("write", path);
    } catch (error) {
      inode.bytes = written(inode.bytes, bytes.subarray(0, bytes.length >> 1), offset);
      throw error;
    }
  }

  #names(directory: string): Names {
    const names = this.#now.get(directory);
    if (names === undefined) throw coded("ENOENT");
    return names;
  }

  #inode(path: string): Inode {
    const inode = this.#names(dirname(path)).get(basename(path));
    if (inode === undefined) throw coded("ENOENT");
    return inode;
  }
}

function written(into: Buffer, bytes: Uint8Array, offset: number): Buffer {
  const grown = Buffer.alloc(Math.max(into.length, offset + bytes.length));
  into.copy(grown);
  grown.set(bytes, offset);
  return grown;
}

function loseBlocks(inode: Inode, chance: () => number): void {
  const { bytes, durable } = inode;
  // The length is metadata: it may have grown without the blocks.
  const lengthBytes = chance() < 0.5 ? bytes.length : Math.min(bytes.length, durable.length);
  const after = Buffer.alloc(Math.max(lengthBytes, durable.length));
  durable.copy(after);
  for (let at = 0; at < bytes.length; at += BLOCK_BYTES) {
    const block = bytes.subarray(at, Math.min(at + BLOCK_BYTES, after.length));
    if (!block.equals(after.subarray(at, at + block.length)) && chance() < 0.5) after.set(block, at);
  }
  inode.bytes = after;
  inode.durable = Buffer.from(after);
  inode.forgotten = false;
}

export function coded(code: string): Error {
  return Object.assign(new Error(code), { code });
}
