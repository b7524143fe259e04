import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { SecretBytes } from "#core/values/secret.ts";
import { TOKEN_BYTES_MAX } from "../token.ts";
import { NoToken, type TokenOrigin } from "./origin.ts";

/**
 * A file that somebody else keeps up to date, as the kubelet does. Read for every session, so there is nothing to watch
 * and nothing to go stale.
 */
export function fileOrigin({ path }: { readonly path: string }): TokenOrigin {
  return {
    isWorthKeeping: false,
    async fetch() {
      // Not blocking: opening a pipe that nobody writes to would wait for ever.
      const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((cause: unknown) => {
        throw new NoToken(`the token file ${path} cannot be read: ${(cause as NodeJS.ErrnoException).code}`, {
          cause,
        });
      });
      try {
        return await readToken(file, path);
      } finally {
        await file.close();
      }
    },
  };
}

async function readToken(file: FileHandle, path: string): Promise<SecretBytes> {
  if (!(await file.stat()).isFile()) throw new NoToken(`the token file ${path} is not a file`);
  const buffer = Buffer.alloc(TOKEN_BYTES_MAX + 2);
  const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
  return new SecretBytes(trimmed(buffer.subarray(0, bytesRead)));
}

const SPACE = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** A JWT holds no white space; editors and `echo` add some around it. */
export function trimmed(bytes: Buffer): Buffer {
  let start = 0;
  let end = bytes.length;
  while (start < end && SPACE.has(bytes[start] ?? 0)) start += 1;
  while (end > start && SPACE.has(bytes[end - 1] ?? 0)) end -= 1;
  return bytes.subarray(start, end);
}
