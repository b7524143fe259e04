/**
 * The keys that wrap session keys: files of the broker's uid alone, kept apart from the trail so that a copy of the trail
 * opens no text. The one with the highest number wraps; the others only open what they wrapped before.
 */
import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Disk } from "./disk.ts";

export const KEK_BYTES = 32;
export const KEK_ID_BYTES = 8;

export interface Kek {
  readonly number: number;
  /** Says which key wrapped something without telling anything of the key. */
  readonly id: Uint8Array;
  readonly key: Uint8Array;
}

/** Where the wrapping keys are kept. */
export interface Keyring {
  /** Highest number first. Throws when a key could be read by others, or they cannot be had now. */
  read(): Promise<readonly Kek[]>;
  /** Makes the next key, durably, or takes the one that another has just made. */
  add(): Promise<Kek>;
  /** Resolves when it would survive a power loss: whoever made it may not have come so far. */
  confirm(kek: Kek): Promise<void>;
}

/** Keys by their file's version: what has been read of it holds as long as it has that. */
type KnownKeys = Map<string, Kek>;

/**
 * In a directory of this uid alone; made when absent. It is looked at each time, and what it holds is read once: a key that was removed,
 * replaced or opened to others is that from the next time on.
 */
export function directoryKeyring(disk: Disk, directory: string): Keyring {
  let isOpen = false;
  let known: KnownKeys = new Map();
  return {
    async read() {
      if (!isOpen) await disk.makeDirectory(directory, 0o700);
      if (!isOpen && ((await disk.inspect(directory)).mode & 0o077) !== 0)
        throw new Error(`${directory} is open to others: its mode must be 0700`);
      isOpen = true;
      const { ring, versions } = await look(disk, directory, known);
      known = versions;
      return ring;
    },
    add: () => addKek(disk, directory),
    confirm: () => disk.syncDirectory(directory),
  };
}

/** Highest number first. Throws when a key could be read by others: then it has to be taken for known. */
export async function readKeyring(disk: Disk, directory: string): Promise<readonly Kek[]> {
  return (await look(disk, directory, new Map())).ring;
}

async function look(
  disk: Disk,
  directory: string,
  known: KnownKeys,
): Promise<{ readonly ring: readonly Kek[]; readonly versions: KnownKeys }> {
  const numbers = (await disk.list(directory)).flatMap((name) => kekNumber(name) ?? []);
  const ring: Kek[] = [];
  const versions: KnownKeys = new Map();
  for (const number of numbers.sort((a, b) => b - a)) {
    const path = join(directory, kekName(number));
    const { mode, lengthBytes, version } = await disk.inspect(path);
    if ((mode & 0o077) !== 0) throw new Error(`${path} is open to others: its mode must be 0600`);
    if (lengthBytes !== KEK_BYTES) throw new Error(`${path} is no key: it must be ${KEK_BYTES} bytes long`);
    const before = known.get(version);
    const kek = before?.number === number ? before : await readKek(disk, path, number);
    ring.push(kek);
    versions.set(version, kek);
  }
  return { ring, versions };
}

async function readKek(disk: Disk, path: string, number: number): Promise<Kek> {
  const key = Buffer.from(await disk.read(path, 0, KEK_BYTES));
  return { number, id: kekId(key), key };
}

/**
 * Makes the next key. It gets its name only when its content is durable; whoever uses it for the first time makes the
 * name durable too, because this process may end in between.
 */
export async function addKek(disk: Disk, directory: string): Promise<Kek> {
  const names = await disk.list(directory);
  const number = Math.max(0, ...names.flatMap((name) => kekNumber(name.replace(/\.new$/, "")) ?? [])) + 1;
  const key = randomBytes(KEK_BYTES);
  const path = join(directory, kekName(number));
  {
    await using file = await disk.create(`${path}.new`, 0o600);
    await file.write(key, 0);
    await file.sync();
  }
  await disk.rename(`${path}.new`, path);
  await disk.syncDirectory(directory);
  return { number, id: kekId(key), key };
}

export async function removeKek(disk: Disk, directory: string, number: number): Promise<void> {
  await disk.remove(join(directory, kekName(number)));
  await disk.syncDirectory(directory);
}

export function kekName(number: number): string {
  return `${String(number).padStart(6, "0")}.kek`;
}

export function kekNumber(name: string): number | undefined {
  const match = /^(\d{6})\.kek$/.exec(name);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

export function kekId(key: Uint8Array): Uint8Array {
  return createHash("sha256").update("sallyport/kek/v1\0").update(key).digest().subarray(0, KEK_ID_BYTES);
}
