/** Opens texts for whoever may read the wrapping keys. */
import { join } from "node:path";
import { isSessionId, sessionBytes, sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Disk } from "./disk.ts";
import { type WrappedKey, decodeKeyFile, keyFileName } from "./key-file.ts";
import { type Kek, readKeyring } from "./keyring.ts";
import type { StoredText } from "./read.ts";
import { type SessionSecrets, openText, unwrapSecrets } from "./sealing.ts";
import { keyFiles } from "./wrapped-keys.ts";

export interface OpenedText {
  readonly text: Buffer;
  readonly digestKey: Uint8Array;
}

export interface Texts {
  /** Undefined when no key that is left opens it. */
  open(stored: StoredText): OpenedText | undefined;
  /** Reads the key files anew: sessions have come since. */
  refresh(): Promise<void>;
}

interface Wrapped {
  readonly kek: Kek;
  readonly entry: WrappedKey;
}

/** Throws when the keys cannot be read: then everything but the texts can still be had. */
export async function openTexts(disk: Disk, directory: string, keysDirectory: string): Promise<Texts> {
  const wrapped = new Map<SessionId, Wrapped[]>();
  async function refresh(): Promise<void> {
    const ring = await readKeyring(disk, keysDirectory);
    wrapped.clear();
    for (const number of await keyFiles(disk, directory))
      await collect(disk, join(directory, keyFileName(number)), ring, wrapped);
  }
  await refresh();
  return {
    refresh,
    open: (stored) => {
      if (!isSessionId(stored.session)) return undefined;
      const session = sessionBytes(stored.session);
      for (const { kek, entry } of wrapped.get(stored.session) ?? []) {
        const secrets: SessionSecrets | undefined = unwrapSecrets(kek, session, entry);
        const text = secrets && openText(secrets.dek, session, stored.seq, stored);
        if (secrets !== undefined && text !== undefined) return { text, digestKey: secrets.digestKey };
      }
      return undefined;
    },
  };
}

async function collect(
  disk: Disk,
  path: string,
  ring: readonly Kek[],
  wrapped: Map<SessionId, Wrapped[]>,
): Promise<void> {
  const { lengthBytes } = await disk.inspect(path);
  const file = decodeKeyFile(Buffer.from(await disk.read(path, 0, lengthBytes)));
  const kek = ring.find(({ id }) => file !== undefined && Buffer.compare(id, file.kekId) === 0);
  if (file === undefined || kek === undefined) return;
  for (const entry of file.entries) {
    const session = sessionId(entry.session);
    wrapped.set(session, [...(wrapped.get(session) ?? []), { kek, entry }]);
  }
}
