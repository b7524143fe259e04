/** Which key files there are, and what of them can be opened. */
import { join } from "node:path";
import { sessionId } from "#core/port/ids.ts";
import type { SessionId } from "#core/port/port.ts";
import type { Disk } from "./disk.ts";
import { decodeKeyFile, keyFileName, keyFileNumber } from "./key-file.ts";
import type { Kek } from "./keyring.ts";
import { type SessionSecrets, unwrapSecrets } from "./sealing.ts";

/** Numbers of the key files, ascending. */
export async function keyFiles(disk: Disk, directory: string): Promise<number[]> {
  const names = await disk.list(directory);
  return names.flatMap((name) => keyFileNumber(name) ?? []).sort((a, b) => a - b);
}

interface WantedKeys {
  readonly disk: Disk;
  readonly directory: string;
  readonly ring: readonly Kek[];
  /** Ascending. */
  readonly files: readonly number[];
  readonly wants: (session: SessionId) => boolean;
}

/** The secrets of these sessions, as far as they can be opened; what stands in a newer file holds. */
export async function readWrappedKeys(wanted: WantedKeys): Promise<Map<SessionId, SessionSecrets>> {
  const { disk, directory, ring, files, wants } = wanted;
  const found = new Map<SessionId, SessionSecrets>();
  for (const number of files.toReversed()) {
    const path = join(directory, keyFileName(number));
    const { lengthBytes } = await disk.inspect(path);
    const file = decodeKeyFile(Buffer.from(await disk.read(path, 0, lengthBytes)));
    const kek = ring.find(({ id }) => file !== undefined && Buffer.compare(id, file.kekId) === 0);
    if (file === undefined || kek === undefined) continue;
    for (const entry of file.entries) {
      const session = sessionId(entry.session);
      if (found.has(session) || !wants(session)) continue;
      const secrets = unwrapSecrets(kek, entry.session, entry);
      if (secrets !== undefined) found.set(session, secrets);
    }
  }
  return found;
}
