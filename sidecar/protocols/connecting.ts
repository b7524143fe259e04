/** Connections to upstreams, up to where a protocol begins. */
import type { LookupFunction, Socket } from "node:net";
import type { ConnectionView } from "#core/port/port.ts";
import { sharingSocket } from "./shared-reads.ts";

export const CONNECT_MS_MAX = 10_000;
const KEEPALIVE_MS = 30_000;

/** Under way: wait for its `connect`. Errors are told by whoever reads or waits; unheard, one would end the process. */
export function startConnection(
  { host, port }: ConnectionView["spec"]["address"],
  lookup?: LookupFunction,
): Socket {
  const keepAlive = { keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS };
  const socket = sharingSocket({ allowHalfOpen: true, noDelay: true, ...keepAlive });
  socket.on("error", () => undefined);
  return socket.connect({ host, port, ...(lookup === undefined ? {} : { lookup }) });
}

/** Rejects with the socket's error, or with the signal's reason. */
export function event(socket: Socket, name: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle =
      (then: (error: Error) => void) =>
      (error?: unknown): void => {
        socket.off(name, happened);
        socket.off("error", failed);
        socket.off("close", closed);
        signal.removeEventListener("abort", aborted);
        then(error instanceof Error ? error : new Error("the connection closed"));
      };
    const happened = settle(() => resolve());
    const failed = settle(reject);
    const closed = settle(reject);
    const aborted = (): void => settle(reject)(signal.reason);
    socket.once(name, happened);
    socket.once("error", failed);
    socket.once("close", closed);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}
