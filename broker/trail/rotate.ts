/**
 * A new wrapping key: sessions that begin from now on are under it, and the keys of those before are wrapped anew. The
 * broker may run meanwhile, so the key before it and the file that is being written stay until the next rotation.
 */
import { basename, join } from "node:path";
import { type Disk, abandon } from "./disk.ts";
import { decodeKeyFile, encodeKeyFileHeader, encodeWrappedKey, keyFileName } from "./key-file.ts";
import { type Kek, addKek, readKeyring, removeKek } from "./keyring.ts";
import { unwrapSecrets, wipeSecrets, wrapSecrets } from "./sealing.ts";
import { keyFiles } from "./wrapped-keys.ts";

export interface RotationOptions {
  readonly disk: Disk;
  /** Of the wrapped session keys. */
  readonly directory: string;
  readonly keysDirectory: string;
}

export interface Rotation {
  /** Number of the new key. */
  readonly added: number;
  readonly filesRewritten: number;
  readonly keysRemoved: readonly number[];
  /** The last one before, until the next rotation; and those under which something does not open any more. */
  readonly keysKept: readonly number[];
}

export async function rotateKey(options: RotationOptions): Promise<Rotation> {
  const { disk, directory, keysDirectory } = options;
  const before = await readKeyring(disk, keysDirectory);
  const added = await addKek(disk, keysDirectory);
  const numbers = await keyFiles(disk, directory);
  // A broker may be about to write under the key that has been the newest until now.
  const needed = new Set<number>(before.slice(0, 1).map(({ number }) => number));
  let filesRewritten = 0;
  for (const number of numbers) {
    const path = join(directory, keyFileName(number));
    const kek = await kekOf(disk, path, before);
    if (kek === undefined) continue;
    // The newest may still be written to.
    const rewritten = number !== numbers.at(-1) && (await rewrap(options, path, kek, added));
    if (rewritten) filesRewritten += 1;
    else needed.add(kek.number);
  }
  const unneeded = before.filter(({ number }) => !needed.has(number)).map(({ number }) => number);
  for (const number of unneeded) await removeKek(disk, keysDirectory, number);
  return { added: added.number, filesRewritten, keysRemoved: unneeded, keysKept: [...needed] };
}

async function kekOf(disk: Disk, path: string, ring: readonly Kek[]): Promise<Kek | undefined> {
  const { lengthBytes } = await disk.inspect(path);
  const file = decodeKeyFile(Buffer.from(await disk.read(path, 0, lengthBytes)));
  return ring.find(({ id }) => file !== undefined && Buffer.compare(id, file.kekId) === 0);
}

/** In place of the old file at once or not at all. False when an entry does not open: then nothing of it may be lost. */
async function rewrap(
  { disk, directory }: RotationOptions,
  path: string,
  from: Kek,
  to: Kek,
): Promise<boolean> {
  const { lengthBytes } = await disk.inspect(path);
  const file = decodeKeyFile(Buffer.from(await disk.read(path, 0, lengthBytes)));
  const pieces = [encodeKeyFileHeader(to.id)];
  for (const entry of file?.entries ?? []) {
    const secrets = unwrapSecrets(from, entry.session, entry);
    if (secrets === undefined) return false;
    pieces.push(encodeWrappedKey({ session: entry.session, ...wrapSecrets(to, entry.session, secrets) }));
    wipeSecrets(secrets);
  }
  // What an interrupted rotation left is none of the key files and only in the way.
  const name = `${basename(path)}.new`;
  const temporary = join(directory, name);
  if ((await disk.list(directory)).includes(name)) await disk.remove(temporary);
  const written = await disk.create(temporary, 0o640);
  try {
    await written.write(Buffer.concat(pieces), 0);
    await written.sync();
  } finally {
    await abandon(written);
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
  return true;
}
