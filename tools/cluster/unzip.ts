/** One file out of a ZIP archive (APPNOTE 6.3, sections 4.3.7, 4.3.12 and 4.3.16), without ZIP64, encryption or several disks. */
import { crc32, inflateRawSync } from "node:zlib";

const END = { signature: 0x06054b50, bytes: 22, commentBytesMax: 65_535 } as const;
const CENTRAL = { signature: 0x02014b50, bytes: 46 } as const;
const LOCAL = { signature: 0x04034b50, bytes: 30 } as const;
const METHOD = { stored: 0, deflated: 8 } as const;

export function unzip(archive: Buffer, name: string): Buffer {
  const end = findEnd(archive);
  let at = archive.readUInt32LE(end + 16);
  for (let left = archive.readUInt16LE(end + 10); left > 0; left -= 1) {
    if (archive.readUInt32LE(at) !== CENTRAL.signature)
      throw new Error("this is no ZIP archive: its directory is broken");
    const nameBytes = archive.readUInt16LE(at + 28);
    const nameAt = at + CENTRAL.bytes;
    if (archive.toString("utf8", nameAt, nameAt + nameBytes) === name) return contentOf(archive, at, name);
    at = nameAt + nameBytes + archive.readUInt16LE(at + 30) + archive.readUInt16LE(at + 32);
  }
  throw new Error(`the archive has no ${name}`);
}

/** It is last, but for a comment of any length. */
function findEnd(archive: Buffer): number {
  const last = archive.length - END.bytes;
  for (let at = last; at >= Math.max(0, last - END.commentBytesMax); at -= 1)
    if (archive.readUInt32LE(at) === END.signature) return at;
  throw new Error("this is no ZIP archive: it has no end");
}

/** The sizes of the directory count: the entry's own may be zero when it was written as a stream. */
function contentOf(archive: Buffer, central: number, name: string): Buffer {
  const method = archive.readUInt16LE(central + 10);
  const checksum = archive.readUInt32LE(central + 16);
  const packedBytes = archive.readUInt32LE(central + 20);
  const bytes = archive.readUInt32LE(central + 24);
  const local = archive.readUInt32LE(central + 42);
  if (archive.readUInt32LE(local) !== LOCAL.signature)
    throw new Error(`${name} is not where the archive says`);
  const at = local + LOCAL.bytes + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
  const packed = archive.subarray(at, at + packedBytes);
  const content = unpack(packed, method, bytes);
  if (content.length !== bytes || crc32(content) !== checksum) throw new Error(`${name} is damaged`);
  return content;
}

function unpack(packed: Buffer, method: number, bytes: number): Buffer {
  switch (method) {
    case METHOD.stored:
      return packed;
    case METHOD.deflated:
      return inflateRawSync(packed, { maxOutputLength: bytes });
    default:
      throw new Error(`method ${method} of ZIP is none of ours`);
  }
}
