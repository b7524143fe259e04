/**
 * Which local user is at the other end of a TCP connection from this very host. The kernel is asked for that one connection. Where it
 * does not answer, its tables are read, which say the same and cost several milliseconds: the more, the more connections there are.
 */
import { readFile } from "node:fs/promises";
import { isIPv6, type Socket } from "node:net";
import { ipv4Bytes, ipv6Bytes } from "./address.ts";
import { canTellOwners, peerOwner } from "./native/sockets.ts";

/** Undefined when the kernel does not say, or says two things. */
export type OwnerLookUp = (socket: Socket) => Promise<number | undefined>;

export interface End {
  readonly address: string;
  readonly port: number;
}

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"] as const;
/** The tables are read entry by entry while they change, so an entry may be missed; not three times. */
const ATTEMPTS = 3;
/** ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT: a client may have said all it has to say already. */
const OPEN_STATES: ReadonlySet<string> = new Set(["01", "04", "05", "08"]);

export function ownersOfPeers(): OwnerLookUp {
  const byTables = ownersByTables();
  if (!canTellOwners()) return byTables;
  return async (socket) => peerOwner(socket) ?? byTables(socket);
}

/** Many connections that arrive together are looked up in one reading, which has to begin after each of them did. */
export function ownersByTables(read: (path: string) => Promise<string> = readTable): OwnerLookUp {
  let reading: Promise<unknown> = Promise.resolve();
  let next: Promise<readonly string[]> | undefined;

  function tables(): Promise<readonly string[]> {
    next ??= reading.then(() => {
      next = undefined;
      const now = Promise.all(TABLES.map((path) => read(path)));
      reading = now.catch(() => undefined);
      return now;
    });
    return next;
  }

  return async ({ remoteAddress, remotePort, localAddress, localPort }) => {
    if (remoteAddress === undefined || localAddress === undefined) return undefined;
    if (remotePort === undefined || localPort === undefined) return undefined;
    const [theirs, ours] = [
      { address: remoteAddress, port: remotePort },
      { address: localAddress, port: localPort },
    ];
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const owners = new Set((await tables()).flatMap((table) => ownersIn(table, theirs, ours)));
      if (owners.size > 0) return owners.size === 1 ? [...owners][0] : undefined;
    }
    return undefined;
  };
}

/** The owners of the socket whose local end is `theirs` and whose remote end is `ours`. */
export function ownersIn(table: string, theirs: End, ours: End): readonly number[] {
  const [theirTexts, ourTexts] = [tableTexts(theirs), tableTexts(ours)];
  return theirTexts.flatMap((wantedLocal, family) => {
    const wantedRemote = ourTexts[family];
    if (wantedRemote === undefined) return [];
    return linesWith(table, ` ${wantedLocal} ${wantedRemote} `).flatMap((line) => {
      const [, local, remote, state = "", , , , uid = "", , inode = ""] = line.trim().split(/\s+/);
      if (local !== wantedLocal || remote !== wantedRemote) return [];
      if (!OPEN_STATES.has(state) || !/^\d+$/.test(uid)) return [];
      // A socket that no process holds any more is shown as root's.
      return inode === "0" || !/^\d+$/.test(inode) ? [] : [Number(uid)];
    });
  });
}

/** A table may have tens of thousands of lines, and one is wanted: they are not taken apart one by one. */
function linesWith(table: string, text: string): readonly string[] {
  const lines: string[] = [];
  for (let at = table.indexOf(text); at >= 0; at = table.indexOf(text, at + text.length)) {
    const end = table.indexOf("\n", at);
    lines.push(table.slice(table.lastIndexOf("\n", at) + 1, end < 0 ? undefined : end));
  }
  return lines;
}

function readTable(path: string): Promise<string> {
  return readFile(path, "latin1").catch((error: NodeJS.ErrnoException) => {
    // A kernel without IPv6 has no table of it.
    if (error.code === "ENOENT") return "";
    throw error;
  });
}

/**
 * As the tables show it, in the one of IPv6 first: addresses in 32-bit words in the machine's own order. A client may dial
 * 127.0.0.1 through either family.
 */
function tableTexts({ address, port }: End): readonly string[] {
  const words = Buffer.from(addressBytes(address));
  const isMapped = words.subarray(0, MAPPED.length).equals(MAPPED);
  if (IS_LITTLE_ENDIAN) words.swap32();
  const portText = port.toString(16).padStart(4, "0");
  return [words, ...(isMapped ? [words.subarray(MAPPED.length)] : [])].map((bytes) =>
    `${bytes.toString("hex")}:${portText}`.toUpperCase(),
  );
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** Sixteen bytes, IPv4 as an IPv4-mapped address. */
function addressBytes(address: string): Uint8Array {
  return isIPv6(address) ? ipv6Bytes(address) : Buffer.concat([MAPPED, ipv4Bytes(address)]);
}
