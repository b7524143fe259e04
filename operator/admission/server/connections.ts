/**
 * The open connections of a server, so that it can end. Node waits for every one of them, and ends by itself only those that have
 * had a request and lie idle: API servers open some ahead of need, and anybody may open one and say nothing.
 */
import type { Server } from "node:https";
import type { Socket } from "node:net";

export interface Connections {
  /** A request has come over it; called again when it is answered, it is idle once more. */
  begin(socket: Socket): () => void;
  /** Those without a request at once, the others when it is answered. */
  end(): void;
}

export function connectionsOf(server: Server): Connections {
  // What was accepted lies below what carries the requests; both know the same other end.
  const open = new Map<string, Socket>();
  const busy = new Set<string>();
  let isEnding = false;
  const endIdle = (): void => {
    for (const [name, socket] of open) if (!busy.has(name)) socket.destroy();
  };
  server.on("connection", (socket: Socket) => {
    const name = nameOf(socket);
    open.set(name, socket);
    socket.once("close", () => {
      open.delete(name);
      busy.delete(name);
    });
    if (isEnding) socket.destroy();
  });
  return {
    begin(socket) {
      const name = nameOf(socket);
      busy.add(name);
      return () => {
        busy.delete(name);
        if (isEnding) endIdle();
      };
    },
    end() {
      isEnding = true;
      endIdle();
    },
  };
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
