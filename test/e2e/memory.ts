/** What a core dump of a process would show: its memory, read as /proc has it, searched for byte strings. */
import { closeSync, openSync, readFileSync, readSync } from "node:fs";

const CHUNK_BYTES = 4 * 1024 * 1024;

export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The names of the needles that are in the process's writable memory. */
export function inMemory(pid: number | "self", needles: readonly Needle[]): Set<string> {
  const found = new Set<string>();
  const overlap = Math.max(...needles.map(({ bytes }) => bytes.length)) - 1;
  const memory = openSync(`/proc/${pid}/mem`, "r");
  const chunk = Buffer.alloc(CHUNK_BYTES + overlap);
  try {
    for (const [start, end] of writableRegions(pid)) {
      let kept = 0;
      for (let at = start; at < end; ) {
        const wanted = Number(end - at > BigInt(CHUNK_BYTES) ? BigInt(CHUNK_BYTES) : end - at);
        const read = readAt(memory, chunk, kept, wanted, at);
        if (read === 0) break;
        const seen = chunk.subarray(0, kept + read);
        for (const { name, bytes } of needles) if (seen.includes(bytes)) found.add(name);
        kept = Math.min(overlap, seen.length);
        seen.copy(chunk, 0, seen.length - kept);
        at += BigInt(read);
      }
    }
  } finally {
    chunk.fill(0);
    closeSync(memory);
  }
  return found;
}

/** Some regions (of the kernel, of devices) cannot be read: a core dump has no bytes of them either. */
function readAt(memory: number, into: Buffer, offset: number, length: number, at: bigint): number {
  try {
    return readSync(memory, into, offset, length, at as never);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EIO" || code === "EFAULT") return 0;
    throw error;
  }
}

function writableRegions(pid: number | "self"): (readonly [bigint, bigint])[] {
  return readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .flatMap((line) => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line);
      return match === null ? [] : [[BigInt(`0x${match[1]}`), BigInt(`0x${match[2]}`)] as const];
    });
}

/** A secret as it may lie somewhere: as it is, as JavaScript's two-byte strings have it, and as texts carry it. */
export function needlesOf(name: string, secret: Buffer): Needle[] {
  return [
    { name, bytes: secret },
    { name: `${name} in UTF-16`, bytes: Buffer.from(secret.toString("latin1"), "utf16le") },
    {
      name: `${name} in base64`,
      bytes: Buffer.from(secret.toString("base64").replace(/=+$/, "").slice(0, -1)),
    },
    { name: `${name} in hex`, bytes: Buffer.from(secret.toString("hex")) },
  ];
}
