/**
 * What has been begun outside of this process and must be undone by whoever finds it: an entry is durable before the
 * effect, and its end is written after the effect is gone. A crash between any two steps leaves either nothing or an
 * entry that says what to look for. One line an entry, each with its checksum.
 */
import { crc32 } from "node:zlib";
import type { Note } from "../note.ts";
import { type AppendFile, type Disk, abandon } from "../trail/disk.ts";

export interface JournalEntry {
  readonly id: string;
  readonly facts: Readonly<Record<string, string>>;
}

export interface Journal extends AsyncDisposable {
  /** Resolves when the entry would survive a power loss; throws when it may not, and then nothing may be begun. */
  begin(entry: JournalEntry): Promise<void>;
  /**
   * Before the effect of an entry is undone: false when another broker answers for it by now, and then it is not ours to undo. From
   * then on nobody can make it theirs. Throws when that cannot be known.
   */
  claim(id: string): Promise<boolean>;
  /** Throws when the end may not be stored; then the entry is found again, and undone again, which is harmless. */
  end(id: string): Promise<void>;
  /** Begun and not ended, oldest first. */
  pending(): readonly PendingEntry[];
  /** Absent where there is no other broker. */
  readonly shared?: SharedJournal;
}

export interface PendingEntry extends JournalEntry {
  /** It was claimed: to be undone, whatever comes. */
  readonly isClaimed?: boolean;
}

/** What several brokers have of each other's entries. */
export interface SharedJournal {
  /** How long somebody may still be using what an earlier run of this broker, or one that ended, has begun. */
  readonly usedForMs: number;
  /**
   * Makes the entry ours, whoever answers for it: `kept` when it was ours all the while. Undefined when there is none that is meant,
   * or it has been claimed. Of several brokers the last one has it, and each of them can know. Throws when that cannot be known.
   */
  adopt(id: string, isMeant: (entry: JournalEntry) => boolean): Promise<"kept" | "taken" | undefined>;
  /** Called with what another broker had begun and that has become ours to undo. */
  onTakenOver(listener: (entry: JournalEntry) => void): void;
}

export interface JournalOptions {
  readonly directory: string;
  readonly disk: Disk;
  readonly note: Note;
}

const NAME = "leases.journal";
const DRAFT = `${NAME}.new`;
const MODE = 0o600;
const ENTRY_BYTES_MAX = 8 * 1024;
export const PENDING_MAX = 10_000;
/** Rewritten with what is pending when it has grown past this, and past four times of what is pending. */
const COMPACT_BYTES = 256 * 1024;
const FILE_BYTES_MAX = PENDING_MAX * ENTRY_BYTES_MAX * 5;

type Line = { readonly begin: JournalEntry } | { readonly end: string };
interface Waiting {
  readonly line: Buffer;
  readonly record: Line;
  readonly done: PromiseWithResolvers<void>;
}

export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, disk } = options;
  await disk.makeDirectory(directory, 0o700);
  const lock = await disk.lock(directory);
  const { pending, log } = await open(options).catch(async (error: unknown) => {
    await lock[Symbol.asyncDispose]();
    throw error;
  });
  return {
    async begin(entry) {
      if (pending.size >= PENDING_MAX) throw new JournalFull(`${PENDING_MAX} entries are pending`);
      await log.append({ begin: entry });
    },
    // There is no other broker: whatever is found is ours.
    claim: async () => true,
    end: (id) => (pending.has(id) ? log.append({ end: id }) : Promise.resolve()),
    pending: () => [...pending.values()],
    async [Symbol.asyncDispose]() {
      await log.close();
      await lock[Symbol.asyncDispose]();
    },
  };
}

async function open(
  options: JournalOptions,
): Promise<{ pending: Map<string, JournalEntry>; log: JournalFile }> {
  const pending = await load(options);
  const log = new JournalFile(options, pending);
  await log.rewrite();
  return { pending, log };
}

export class JournalFull extends Error {
  override readonly name = "JournalFull";
}

class JournalFile {
  readonly #options: JournalOptions;
  readonly #pending: Map<string, JournalEntry>;
  /** Undefined after a failed write: what is on the disk then is not known, so the next write starts a new file. */
  #file: AppendFile | undefined;
  #lengthBytes = 0;
  #pendingBytes = 0;
  #waiting: Waiting[] = [];
  #pump: Promise<void> | undefined;

  constructor(options: JournalOptions, pending: Map<string, JournalEntry>) {
    this.#options = options;
    this.#pending = pending;
  }

  append(record: Line): Promise<void> {
    const line = encode(record);
    if (line.length > ENTRY_BYTES_MAX) throw new RangeError("a journal entry is too large");
    const done = Promise.withResolvers<void>();
    this.#waiting.push({ line, record, done });
    this.#pump ??= this.#run();
    return done.promise;
  }

  async close(): Promise<void> {
    await this.#pump;
    await this.#file?.[Symbol.asyncDispose]();
    this.#file = undefined;
  }

  /** Puts a new file with only what is pending in the old one's place; either is whole at every moment. */
  async rewrite(): Promise<void> {
    const { directory, disk } = this.#options;
    await this.#drop();
    if ((await disk.list(directory)).includes(DRAFT)) await disk.remove(`${directory}/${DRAFT}`);
    const lines = Buffer.concat([...this.#pending.values()].map((entry) => encode({ begin: entry })));
    const file = await disk.create(`${directory}/${DRAFT}`, MODE);
    try {
      await file.write(lines, 0);
      await file.sync();
      await disk.rename(`${directory}/${DRAFT}`, `${directory}/${NAME}`);
      await disk.syncDirectory(directory);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    this.#file = file;
    this.#lengthBytes = lines.length;
    this.#pendingBytes = lines.length;
  }

  /** Everything that waits goes to the disk together, so many sessions at once cost one sync. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#write(batch);
      } catch (error) {
        await this.#drop();
        for (const { done } of batch) done.reject(error);
        continue;
      }
      for (const { record, done } of batch) {
        this.#apply(record);
        done.resolve();
      }
    }
    // In the same breath as the look that found nothing waiting: an entry that comes later starts another round.
    this.#pump = undefined;
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    if (this.#file === undefined || this.#lengthBytes > Math.max(COMPACT_BYTES, 4 * this.#pendingBytes)) {
      await this.rewrite();
    }
    const bytes = Buffer.concat(batch.map(({ line }) => line));
    await this.#file?.write(bytes, this.#lengthBytes);
    await this.#file?.sync();
    this.#lengthBytes += bytes.length;
  }

  #apply(record: Line): void {
    if ("begin" in record) this.#pending.set(record.begin.id, record.begin);
    else this.#pending.delete(record.end);
  }

  /** What a failed file may have lost is written again, so closing it tells nothing new. */
  async #drop(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await abandon(file);
  }
}

function encode(record: Line): Buffer {
  const text = JSON.stringify(record);
  return Buffer.from(`${checksum(text)} ${text}\n`);
}

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, "0");
}

async function load({ directory, disk, note }: JournalOptions): Promise<Map<string, JournalEntry>> {
  if (!(await disk.list(directory)).includes(NAME)) return new Map();
  const bytes = Buffer.from(await disk.read(`${directory}/${NAME}`, 0, FILE_BYTES_MAX));
  const pending = new Map<string, JournalEntry>();
  let torn = 0;
  const lines = bytes.toString("utf8").split("\n");
  // What follows the last line break is the beginning of a line whose writing a crash cut short.
  if (lines.pop() !== "") torn += 1;
  for (const line of lines) {
    const record = decode(line);
    if (record === undefined) torn += 1;
    else if ("begin" in record) pending.set(record.begin.id, record.begin);
    else pending.delete(record.end);
  }
  if (torn > 0) note("journal.torn", { lines: torn });
  return pending;
}

function decode(line: string): Line | undefined {
  const text = line.slice(9);
  return line.slice(0, 8) === checksum(text) ? (JSON.parse(text) as Line) : undefined;
}
