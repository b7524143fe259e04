/** Listening on a unix socket that exactly one process may hold, with what a dead one left behind cleared away. */
import { randomBytes } from "node:crypto";
import { rename, stat, unlink } from "node:fs/promises";
import { type Server, connect } from "node:net";

/** The kernel's bound, one byte kept for the terminator. */
export const SOCKET_PATH_BYTES_MAX = 107;

/** Resolves when `server` listens. Throws when another process holds the path, or when it is no socket. */
export async function listenAlone(server: Server, path: string): Promise<void> {
  if (Buffer.byteLength(path) > SOCKET_PATH_BYTES_MAX)
    throw new Error(`${path} is too long for a socket: ${SOCKET_PATH_BYTES_MAX} bytes at most`);
  if (await listens(server, path)) return;
  if (!(await stat(path)).isSocket()) throw new Error(`${path} exists and is no socket`);
  if (await isAlive(path)) throw new Error(`another process listens on ${path}`);
  // Moved aside before it is removed: if a third process has just put its own socket there, that one is found alive.
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  await rename(path, aside);
  if (await isAlive(aside)) {
    await rename(aside, path);
    throw new Error(`another process listens on ${path}`);
  }
  await unlink(aside);
  if (!(await listens(server, path))) throw new Error(`another process listens on ${path}`);
}

/** False when something is at the path already. */
async function listens(server: Server, path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const failed = (error: NodeJS.ErrnoException): void => {
    if (error.code === "EADDRINUSE") resolve(false);
    else reject(error);
  };
  server.once("error", failed);
  server.listen(path, () => resolve(true));
  try {
    return await promise;
  } finally {
    server.off("error", failed);
  }
}

function isAlive(path: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.on("connect", () => {
    socket.destroy();
    resolve(true);
  });
  socket.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
    else reject(error);
  });
  return promise;
}
