/** Session keys: made, made durable under a wrapping key, and held in memory for as long as their session lasts. */
import { join } from "node:path";
import { sessionBytes } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Note } from "../note.ts";
import { type AppendFile, type Disk, abandon } from "./disk.ts";
import { KEY_FILE_BYTES_MAX, encodeKeyFileHeader, encodeWrappedKey, keyFileName } from "./key-file.ts";
import type { Kek, Keyring } from "./keyring.ts";
import { groupQueue } from "./queue.ts";
import { type SessionSecrets, newSecrets, wipeSecrets, wrapSecrets } from "./sealing.ts";
import { keyFiles, readWrappedKeys } from "./wrapped-keys.ts";

export interface VaultOptions {
  readonly disk: Disk;
  /** Of the wrapped keys. */
  readonly directory: string;
  readonly keyring: Keyring;
  readonly note: Note;
  readonly nowMs: () => number;
}

/** What the trail knows of the sessions of an earlier broker. */
export interface EarlierSessions {
  readonly unfinished: readonly SessionId[];
  isEnded(session: SessionId): boolean;
}

export interface Vault extends AsyncDisposable {
  /** The session's secrets, once they are durable. Rejects when the disk does not take them. */
  open(session: SessionId): Promise<SessionSecrets>;
  /** What is open already. */
  secrets(session: SessionId): SessionSecrets | undefined;
  /** Wipes them from memory: the session has ended. */
  forget(session: SessionId): void;
}

interface Waiting {
  readonly session: SessionId;
  readonly secrets: SessionSecrets;
  readonly settled: PromiseWithResolvers<SessionSecrets>;
}

interface CurrentFile {
  readonly file: AppendFile;
  readonly kek: Kek;
  lengthBytes: number;
}

const WAITING_BYTES_MAX = 4 * 1024 * 1024;

/**
 * Opens the keys of sessions that go on after a restart: those on record, and those that were identified and whose first
 * event may still be on its way. A session whose key cannot be opened gets a new one on demand.
 */
export async function openVault(options: VaultOptions, earlier: EarlierSessions): Promise<Vault> {
  const { disk, directory, keyring } = options;
  await disk.makeDirectory(directory, 0o750);
  const ring = await keyring.read();
  const numbers = await keyFiles(disk, directory);
  if (ring.length === 0 && numbers.length > 0) options.note("trail.keys-lost", {});
  const wanted = { disk, directory, ring };
  const recent = await readWrappedKeys({
    ...wanted,
    files: numbers.slice(-RECENT_FILES),
    wants: (session) => !earlier.isEnded(session),
  });
  const absent = new Set(earlier.unfinished.filter((session) => !recent.has(session)));
  const older = await readWrappedKeys({
    ...wanted,
    files: absent.size === 0 ? [] : numbers.slice(0, -RECENT_FILES),
    wants: (session) => absent.has(session),
  });
  return new FileVault(options, new Map([...recent, ...older]), new Set(earlier.unfinished));
}

/** Each file begins with the keys of all that were open; the newest may have been cut short at its making. */
const RECENT_FILES = 2;
/** Nobody comes back later than that with a first event. */
const INHERITED_MS = 10 * 60_000;

class FileVault implements Vault {
  readonly #options: VaultOptions;
  readonly #open = new Map<SessionId, SessionSecrets>();
  /** Of sessions that are not on record, from an earlier broker. */
  readonly #inherited = new Map<SessionId, SessionSecrets>();
  readonly #inheritedUntilMs: number;
  /**
   * Whether what is open stands in a file that this process has synced. What an earlier one left may be readable and not
   * durable, so nothing is sealed under it before it has been written again.
   */
  #isConfirmed = false;
  readonly #coming = new Map<SessionId, Promise<SessionSecrets>>();
  readonly #queue = groupQueue<Waiting>({
    weightBytes: () => 128,
    groupBytesMax: WAITING_BYTES_MAX,
    queueBytesMax: WAITING_BYTES_MAX,
    commit: (items) => this.#commit(items),
  });
  #current: CurrentFile | undefined;

  constructor(
    options: VaultOptions,
    found: ReadonlyMap<SessionId, SessionSecrets>,
    unfinished: ReadonlySet<SessionId>,
  ) {
    this.#options = options;
    this.#inheritedUntilMs = options.nowMs() + INHERITED_MS;
    for (const [session, secrets] of found)
      (unfinished.has(session) ? this.#open : this.#inherited).set(session, secrets);
  }

  secrets(session: SessionId): SessionSecrets | undefined {
    return this.#isConfirmed ? this.#open.get(session) : undefined;
  }

  open(session: SessionId): Promise<SessionSecrets> {
    const inherited = this.#inherited.get(session);
    if (inherited !== undefined) this.#open.set(session, inherited);
    this.#inherited.delete(session);
    const open = this.secrets(session);
    if (open !== undefined) return Promise.resolve(open);
    const coming = this.#coming.get(session);
    if (coming !== undefined) return coming;
    const secrets = this.#open.get(session) ?? newSecrets();
    const settled = Promise.withResolvers<SessionSecrets>();
    if (!this.#queue.add({ session, secrets, settled }))
      return Promise.reject(new Error("too many session keys wait for the disk"));
    const promise = settled.promise.finally(() => this.#coming.delete(session));
    this.#coming.set(session, promise);
    return promise;
  }

  forget(session: SessionId): void {
    const secrets = this.#open.get(session);
    if (secrets === undefined) return;
    this.#open.delete(session);
    wipeSecrets(secrets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.drained();
    await this.#current?.file[Symbol.asyncDispose]();
    this.#current = undefined;
    for (const session of this.#open.keys()) this.forget(session);
    this.#dropInherited();
  }

  #dropInherited(): void {
    for (const secrets of this.#inherited.values()) wipeSecrets(secrets);
    this.#inherited.clear();
  }

  async #commit(items: readonly Waiting[]): Promise<void> {
    try {
      const current = await this.#fileUnderNewestKey();
      await append(current, items);
      for (const { session, secrets, settled } of items) {
        this.#open.set(session, secrets);
        settled.resolve(secrets);
      }
    } catch (error) {
      // What the file holds is unknown now; the next attempt starts another.
      const file = this.#current?.file;
      this.#current = undefined;
      await abandon(file);
      for (const { session, secrets, settled } of items) {
        if (!this.#open.has(session)) wipeSecrets(secrets);
        settled.reject(error);
      }
    }
  }

  async #fileUnderNewestKey(): Promise<CurrentFile> {
    const { disk, keyring, directory } = this.#options;
    const [newest] = await keyring.read();
    const kek = newest ?? (await keyring.add());
    if (kek.number !== this.#current?.kek.number) await keyring.confirm(kek);
    const current = this.#current;
    if (
      current !== undefined &&
      current.kek.number === kek.number &&
      current.lengthBytes < KEY_FILE_BYTES_MAX
    )
      return current;
    const numbers = await keyFiles(disk, directory);
    const path = join(directory, keyFileName((numbers.at(-1) ?? 0) + 1));
    const next: CurrentFile = { file: await disk.create(path, 0o640), kek, lengthBytes: 0 };
    this.#current = next;
    await current?.file[Symbol.asyncDispose]();
    const header = encodeKeyFileHeader(kek.id);
    await next.file.write(header, 0);
    next.lengthBytes = header.length;
    // The keys of open sessions go on into it, so that a restart finds them in the newest file.
    if (this.#options.nowMs() > this.#inheritedUntilMs) this.#dropInherited();
    await append(
      next,
      [...this.#open, ...this.#inherited].map(([session, secrets]) => ({ session, secrets })),
    );
    await disk.syncDirectory(directory);
    this.#isConfirmed = true;
    return next;
  }
}

async function append(
  current: CurrentFile,
  items: readonly Pick<Waiting, "session" | "secrets">[],
): Promise<void> {
  const entries = items.map(({ session, secrets }) => {
    const bytes = sessionBytes(session);
    return encodeWrappedKey({ session: bytes, ...wrapSecrets(current.kek, bytes, secrets) });
  });
  const bytes = Buffer.concat(entries);
  await current.file.write(bytes, current.lengthBytes);
  await current.file.sync();
  current.lengthBytes += bytes.length;
}
