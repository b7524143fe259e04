/** The other end of a connection: what it may do wrong, and how it is told something for the last time. */
import type { Socket } from "node:net";

export class PeerLeft extends Error {
  override readonly name = "PeerLeft";
}
export class PeerBroke extends Error {
  override readonly name = "PeerBroke";
}

/** Of a socket, or of what lies under it. */
export const isSystemError = (error: unknown): boolean => error instanceof Error && "code" in error;

/** Resolves when the bytes have left for the kernel; rejects when they cannot. */
export function write(socket: Socket, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

const GOODBYE_MS = 2_000;

/** Says a last thing and closes. A peer that does not take it in time loses it. */
export async function sayLast(socket: Socket, bytes: Uint8Array): Promise<void> {
  if (socket.destroyed || socket.writableEnded) {
    socket.destroy();
    return;
  }
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, GOODBYE_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.once("error", done);
    socket.once("close", done);
    socket.end(bytes, done);
  });
  await lingered(socket);
}

/**
 * Closing while unread bytes of the peer are in our kernel sends RST, which can overtake what was just said. So the
 * peer gets a moment to take it and to leave first.
 */
async function lingered(socket: Socket): Promise<void> {
  if (!socket.destroyed && !socket.readableEnded) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, GOODBYE_MS / 8);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      socket.once("end", done);
      socket.once("close", done);
      socket.once("error", done);
      socket.on("data", () => undefined);
      socket.resume();
    });
  }
  socket.destroy();
}
