/** Which local user is at the other end of a TCP connection from this very host, by the kernel's own tables. */
import { readFile } from "node:fs/promises";
import { isIPv6, type Socket } from "node:net";
import { ipv4Bytes, ipv6Bytes } from "./address.ts";

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

/** Many connections that arrive together are looked up in one reading, which has to begin after each of them did. */
export function ownersOfPeers(read: (path: string) => Promise<string> = readTable): OwnerLookUp {
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
  const [wantedLocal, wantedRemote] = [endKey(theirs), endKey(ours)];
  return table.split("\n").flatMap((line) => {
    const [, local = "", remote = "", state = "", , , , uid = "", , inode = ""] = line.trim().split(/\s+/);
    if (!OPEN_STATES.has(state) || !/^\d+$/.test(uid)) return [];
    // A socket that no process holds any more is shown as root's.
    if (inode === "0" || !/^\d+$/.test(inode)) return [];
    return decodeEnd(local) === wantedLocal && decodeEnd(remote) === wantedRemote ? [Number(uid)] : [];
  });
}

function readTable(path: string): Promise<string> {
  return readFile(path, "latin1").catch((error: NodeJS.ErrnoException) => {
    // A kernel without IPv6 has no table of it.
    if (error.code === "ENOENT") return "";
    throw error;
  });
}

function endKey({ address, port }: End): string {
  return `${Buffer.from(addressBytes(address)).toString("hex")}:${port}`;
}

/** The tables show addresses as 32-bit words in the machine's own order. */
function decodeEnd(text: string): string | undefined {
  const [hex = "", port = ""] = text.split(":");
  if (!/^([0-9A-F]{8}|[0-9A-F]{32})$/.test(hex) || !/^[0-9A-F]{4}$/.test(port)) return undefined;
  const bytes = Buffer.from(hex, "hex");
  if (IS_LITTLE_ENDIAN) bytes.swap32();
  const whole = bytes.length === 4 ? Buffer.concat([MAPPED, bytes]) : bytes;
  return `${whole.toString("hex")}:${Number.parseInt(port, 16)}`;
}

const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** Sixteen bytes, IPv4 as an IPv4-mapped address: a client may dial 127.0.0.1 through either family. */
function addressBytes(address: string): Uint8Array {
  return isIPv6(address) ? ipv6Bytes(address) : Buffer.concat([MAPPED, ipv4Bytes(address)]);
}
