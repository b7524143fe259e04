/** Reading from a socket step by step. Nothing is read that nobody asked for. */
import type { Socket } from "node:net";

/**
 * Resolves with the next bytes, as many as there are up to `bytesMax`; undefined when the peer has ended. Bytes beyond
 * `bytesMax` stay in the socket.
 */
export async function readSome(
  socket: Socket,
  signal: AbortSignal,
  bytesMax?: number,
): Promise<Buffer | undefined> {
  for (;;) {
    signal.throwIfAborted();
    if (socket.errored !== null) throw socket.errored;
    const available = socket.readableLength;
    const chunk = socket.read(
      bytesMax === undefined || available < bytesMax ? undefined : bytesMax,
    ) as Buffer | null;
    if (chunk !== null) {
      if (bytesMax === undefined || chunk.length <= bytesMax) return chunk;
      socket.unshift(chunk.subarray(bytesMax));
      return chunk.subarray(0, bytesMax);
    }
    if (socket.readableEnded || socket.destroyed) return undefined;
    await readable(socket, signal);
  }
}

function readable(socket: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => (): void => {
      for (const [event, listener] of listeners) socket.off(event, listener);
      signal.removeEventListener("abort", aborted);
      then();
    };
    const done = settle(resolve);
    const aborted = settle(() => reject(signal.reason as Error));
    const listeners = [
      ["readable", done],
      ["end", done],
      ["close", done],
      ["error", done],
    ] as const;
    for (const [event, listener] of listeners) socket.on(event, listener);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}
