/** Files that hold a secret: read only when nobody else could have read or written them. */
import { constants } from "node:fs";
import { type FileHandle, open, realpath, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { SecretBytes } from "#core/values/secret.ts";

export const SECRET_BYTES_MAX = 4096;

const GROUP_AND_OTHERS = 0o077;
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Says what is wrong with a file, never what is in it. */
export class NotPrivate extends Error {
  override readonly name = "NotPrivate";
}

/** Without the line break that editors and `echo` put at the end. Symbolic links are followed: mounted secrets are such. */
export async function readPrivateFile(path: string): Promise<SecretBytes> {
  const real = await realpath(path);
  await checkFolder(dirname(real));
  // Not blocking: opening a pipe that nobody writes to would wait for ever.
  const file = await open(real, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    return await read(file);
  } finally {
    await file.close();
  }
}

/** Who may write to the folder may put another file in this one's place. */
async function checkFolder(path: string): Promise<void> {
  const { mode, uid } = await stat(path);
  if (!isOurs(uid)) throw new NotPrivate(`its folder belongs to user ${uid}`);
  if ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0) {
    throw new NotPrivate(`its folder can be written by others (mode ${octal(mode)}): chmod go-w it`);
  }
}

async function read(file: FileHandle): Promise<SecretBytes> {
  const facts = await file.stat();
  if (!facts.isFile()) throw new NotPrivate("it is not a file");
  if (!isOurs(facts.uid)) throw new NotPrivate(`it belongs to user ${facts.uid}, not to this one or root`);
  if ((facts.mode & GROUP_AND_OTHERS) !== 0) {
    throw new NotPrivate(`others can read it (mode ${octal(facts.mode)}): chmod 600 it`);
  }
  const buffer = Buffer.alloc(SECRET_BYTES_MAX + 3);
  try {
    let length = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
      length += bytesRead;
      if (bytesRead === 0 || length === buffer.length) break;
    }
    const end = withoutLineBreak(buffer, length);
    if (end === 0) throw new NotPrivate("it is empty");
    if (end > SECRET_BYTES_MAX) throw new NotPrivate(`it has more than ${SECRET_BYTES_MAX} bytes`);
    return new SecretBytes(Uint8Array.from(buffer.subarray(0, end)));
  } finally {
    buffer.fill(0);
  }
}

function withoutLineBreak(bytes: Buffer, length: number): number {
  if (bytes[length - 1] !== 0x0a) return length;
  return bytes[length - 2] === 0x0d ? length - 2 : length - 1;
}

function isOurs(uid: number): boolean {
  return uid === 0 || uid === process.getuid?.();
}

function octal(mode: number): string {
  return (mode & 0o7777).toString(8).padStart(4, "0");
}
