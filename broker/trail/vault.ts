/** Session keys: made, made durable under a wrapping key, and held in memory for as long as their session lasts. */
import { join } from "node:path";
import { sessionBytes, sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Note } from "../note.ts";
import { type AppendFile, type Disk, abandon } from "./disk.ts";
import {
  KEY_FILE_BYTES_MAX,
  decodeKeyFile,
  encodeKeyFileHeader,
  encodeWrappedKey,
  keyFileName,
  keyFileNumber,
} from "./key-file.ts";
import { type Kek, addKek, readKeyring } from "./keyring.ts";
import { groupQueue } from "./queue.ts";
import { type SessionSecrets, newSecrets, unwrapSecrets, wipeSecrets, wrapSecrets } from "./sealing.ts";

export interface VaultOptions {
  readonly disk: Disk;
  /** Of the wrapped keys. */
  readonly directory: string;
  /** Of the keys that wrap. */
  readonly keysDirectory: string;
  readonly note: Note;
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

/** Opens the keys of sessions that go on after a restart; a session whose key cannot be opened gets a new one on demand. */
export async function openVault(options: VaultOptions, unfinished: readonly SessionId[]): Promise<Vault> {
  const { disk, directory, keysDirectory } = options;
  await disk.makeDirectory(directory, 0o750);
  await disk.makeDirectory(keysDirectory, 0o700);
  const ring = await readKeyring(disk, keysDirectory);
  const open = await readWrappedKeys({ disk, directory, ring, sessions: new Set(unfinished) });
  if (ring.length === 0 && (await keyFiles(disk, directory)).length > 0) options.note("trail.keys-lost", {});
  return new FileVault(options, open);
}

class FileVault implements Vault {
  readonly #options: VaultOptions;
  readonly #open: Map<SessionId, SessionSecrets>;
  readonly #coming = new Map<SessionId, Promise<SessionSecrets>>();
  readonly #queue = groupQueue<Waiting>({
    weightBytes: () => 128,
    groupBytesMax: WAITING_BYTES_MAX,
    queueBytesMax: WAITING_BYTES_MAX,
    commit: (items) => this.#commit(items),
  });
  #current: CurrentFile | undefined;

  constructor(options: VaultOptions, open: Map<SessionId, SessionSecrets>) {
    this.#options = options;
    this.#open = open;
  }

  secrets(session: SessionId): SessionSecrets | undefined {
    return this.#open.get(session);
  }

  open(session: SessionId): Promise<SessionSecrets> {
    const open = this.#open.get(session);
    if (open !== undefined) return Promise.resolve(open);
    const coming = this.#coming.get(session);
    if (coming !== undefined) return coming;
    const settled = Promise.withResolvers<SessionSecrets>();
    if (!this.#queue.add({ session, secrets: newSecrets(), settled }))
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
      for (const { secrets, settled } of items) {
        wipeSecrets(secrets);
        settled.reject(error);
      }
    }
  }

  async #fileUnderNewestKey(): Promise<CurrentFile> {
    const { disk, keysDirectory, directory } = this.#options;
    const [newest] = await readKeyring(disk, keysDirectory);
    const kek = newest ?? (await addKek(disk, keysDirectory));
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
    await append(
      next,
      [...this.#open].map(([session, secrets]) => ({ session, secrets })),
    );
    await disk.syncDirectory(directory);
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

/** Numbers of the key files, ascending. */
export async function keyFiles(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  return names.flatMap((name) => keyFileNumber(name) ?? []).sort((a, b) => a - b);
}

export interface WantedKeys {
  readonly disk: Disk;
  readonly directory: string;
  readonly ring: readonly Kek[];
  readonly sessions: ReadonlySet<SessionId>;
}

/** The secrets of these sessions, as far as they can be opened; newest files first, and no further than needed. */
export async function readWrappedKeys(wanted: WantedKeys): Promise<Map<SessionId, SessionSecrets>> {
  const { disk, directory, ring, sessions } = wanted;
  const found = new Map<SessionId, SessionSecrets>();
  if (sessions.size === 0 || ring.length === 0) return found;
  for (const number of (await keyFiles(disk, directory)).reverse()) {
    if (found.size === sessions.size) break;
    const path = join(directory, keyFileName(number));
    const { lengthBytes } = await disk.inspect(path);
    const file = decodeKeyFile(Buffer.from(await disk.read(path, 0, lengthBytes)));
    const kek = ring.find(({ id }) => file !== undefined && Buffer.compare(id, file.kekId) === 0);
    if (file === undefined || kek === undefined) continue;
    for (const entry of file.entries) {
      const session = sessionId(entry.session);
      if (!sessions.has(session) || found.has(session)) continue;
      const secrets = unwrapSecrets(kek, entry.session, entry);
      if (secrets !== undefined) found.set(session, secrets);
    }
  }
  return found;
}
