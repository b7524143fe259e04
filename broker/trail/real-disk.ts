/** The disk of this machine. */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { listenAlone } from "#runtime/unix-socket.ts";
import type { AppendFile, Disk } from "./disk.ts";

export const realDisk: Disk = {
  makeDirectory: async (path, mode) => {
    await mkdir(path, { recursive: true, mode });
  },
  list: (path) => readdir(path),
  inspect: async (path) => {
    const { size, mode, uid, dev, ino, ctimeNs } = await stat(path, { bigint: true });
    const version = `${dev} ${ino} ${ctimeNs}`;
    return { lengthBytes: Number(size), mode: Number(mode) & 0o7777, uid: Number(uid), version };
  },
  read: async (path, offset, lengthBytes) => {
    await using file = await open(path, "r");
    const bytes = Buffer.alloc(Math.min(lengthBytes, Math.max(0, (await file.stat()).size - offset)));
    let done = 0;
    while (done < bytes.length) {
      const { bytesRead } = await file.read(bytes, done, bytes.length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return bytes.subarray(0, done);
  },
  create: async (path, mode) => {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    return appendFile(await open(path, flags, mode));
  },
  rename,
  remove: unlink,
  syncDirectory: async (path) => {
    await using directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    await directory.sync();
  },
  lock: async (path) => {
    // A listening socket is held exactly as long as its process lives, also when that is killed.
    const server = createServer((socket) => socket.destroy());
    await listenAlone(server, join(path, "lock"));
    server.unref();
    return {
      [Symbol.asyncDispose]: async () => {
        await new Promise((closed) => server.close(closed));
      },
    };
  },
};

function appendFile(file: FileHandle): AppendFile {
  return {
    write: async (bytes, offset) => {
      // A full disk shows first as a short write, and only the next one fails.
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, offset + done);
        done += bytesWritten;
      }
    },
    sync: () => file.datasync(),
    truncate: (lengthBytes) => file.truncate(lengthBytes),
    [Symbol.asyncDispose]: () => file.close(),
  };
}
