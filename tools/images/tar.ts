/** Archives that depend on nothing but their entries: no time, no owner's name, no order of a file system (POSIX pax). */
import { createReadStream, statSync } from "node:fs";
import { type FileCapabilities, capabilityBytes } from "./capability.ts";

export type Content = Uint8Array | { readonly file: string };

export type Entry =
  | { readonly kind: "folder"; readonly path: string; readonly mode?: number; readonly owner?: Owner }
  | { readonly kind: "link"; readonly path: string; readonly to: string }
  | {
      readonly kind: "file";
      readonly path: string;
      readonly content: Content;
      readonly mode?: number;
      readonly owner?: Owner;
      readonly capabilities?: FileCapabilities;
    };

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const BLOCK_BYTES = 512;
const NAME_BYTES_MAX = 100;
/** What eleven octal digits can say. */
const FILE_BYTES_MAX = 8 * 1024 ** 3 - 1;
const TYPES = { file: "0", link: "2", folder: "5" } as const satisfies Record<Entry["kind"], string>;
const PAX_HEADER = "x";

/** The archive in pieces. Entries come sorted, each folder on the way to one before it. */
export async function* tarBytes(entries: readonly Entry[]): AsyncGenerator<Uint8Array> {
  for (const entry of inOrder(entries)) {
    const sizeBytes = entry.kind === "file" ? contentBytes(entry.content) : 0;
    if (sizeBytes > FILE_BYTES_MAX) throw new RangeError(`${entry.path} is too large for an archive`);
    yield headers(entry, sizeBytes);
    if (entry.kind === "file") yield* padded(entry.path, entry.content, sizeBytes);
  }
  yield Buffer.alloc(2 * BLOCK_BYTES);
}

function inOrder(entries: readonly Entry[]): Entry[] {
  const byPath = new Map<string, Entry>();
  for (const entry of entries) {
    if (!/^[^/\0][^\0]*[^/\0]$|^[^/\0]$/.test(entry.path) || entry.path.split("/").includes(".."))
      throw new RangeError(`"${entry.path}" is no path inside an archive`);
    if (byPath.has(entry.path)) throw new RangeError(`${entry.path} is there twice`);
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries)
    for (let at = path.indexOf("/"); at !== -1; at = path.indexOf("/", at + 1)) {
      const above = path.slice(0, at);
      const there = byPath.get(above);
      if (there === undefined) byPath.set(above, { kind: "folder", path: above });
      else if (there.kind !== "folder") throw new RangeError(`${above} is no folder, and ${path} is in it`);
    }
  return [...byPath.values()].sort((one, other) =>
    Buffer.compare(Buffer.from(one.path), Buffer.from(other.path)),
  );
}

function contentBytes(content: Content): number {
  return "file" in content ? statSync(content.file).size : content.length;
}

async function* padded(path: string, content: Content, sizeBytes: number): AsyncGenerator<Uint8Array> {
  let sentBytes = 0;
  for await (const piece of pieces(content)) {
    sentBytes += piece.length;
    yield piece;
  }
  // A file that grows while it is read would shift everything behind it.
  if (sentBytes !== sizeBytes) throw new Error(`${path} changed while it was read`);
  yield Buffer.alloc(toBlock(sizeBytes) - sizeBytes);
}

async function* pieces(content: Content): AsyncGenerator<Uint8Array> {
  if (!("file" in content)) return yield content;
  for await (const piece of createReadStream(content.file, { highWaterMark: 1024 * 1024 }))
    yield piece as Buffer;
}

const toBlock = (bytes: number): number => Math.ceil(bytes / BLOCK_BYTES) * BLOCK_BYTES;

function headers(entry: Entry, sizeBytes: number): Buffer {
  const name = entry.kind === "folder" ? `${entry.path}/` : entry.path;
  const target = entry.kind === "link" ? entry.to : "";
  const records = [
    ...(fits(name) ? [] : [paxRecord("path", Buffer.from(name))]),
    ...(fits(target) ? [] : [paxRecord("linkpath", Buffer.from(target))]),
    ...(entry.kind !== "file" || entry.capabilities === undefined
      ? []
      : [paxRecord("SCHILY.xattr.security.capability", capabilityBytes(entry.capabilities))]),
  ];
  const own = header({
    name: cut(name),
    target: cut(target),
    type: TYPES[entry.kind],
    mode: modeOf(entry),
    sizeBytes,
    owner: ("owner" in entry ? entry.owner : undefined) ?? { uid: 0, gid: 0 },
  });
  if (records.length === 0) return own;
  const body = Buffer.concat(records);
  const pax = header({
    name: Buffer.from("pax"),
    target: Buffer.alloc(0),
    type: PAX_HEADER,
    mode: 0o644,
    sizeBytes: body.length,
    owner: { uid: 0, gid: 0 },
  });
  return Buffer.concat([pax, body, Buffer.alloc(toBlock(body.length) - body.length), own]);
}

function modeOf(entry: Entry): number {
  if (entry.kind === "link") return 0o777;
  return entry.mode ?? (entry.kind === "folder" ? 0o755 : 0o644);
}

const fits = (text: string): boolean => Buffer.byteLength(text) <= NAME_BYTES_MAX;
const cut = (text: string): Buffer => Buffer.from(text).subarray(0, NAME_BYTES_MAX);

/** `<length> <key>=<value>\n`, where the length counts its own digits. */
function paxRecord(key: string, value: Uint8Array): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

interface Header {
  readonly name: Buffer;
  readonly target: Buffer;
  readonly type: string;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly owner: Owner;
}

function header({ name, target, type, mode, sizeBytes, owner }: Header): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  name.copy(block, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(owner.uid, 7), 108);
  block.write(octal(owner.gid, 7), 116);
  block.write(octal(sizeBytes, 11), 124);
  block.write(octal(0, 11), 136);
  block.fill(" ", 148, 156);
  block.write(type, 156);
  target.copy(block, 157);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function octal(value: number, digits: number): string {
  const text = value.toString(8).padStart(digits, "0");
  if (text.length > digits) throw new RangeError(`${value} does not fit into ${digits} octal digits`);
  return text;
}
