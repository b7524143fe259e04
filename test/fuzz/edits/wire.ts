/** One end of a connection in memory, as a Relay sees it. Whatever it writes is taken at once. */
import type { Socket } from "node:net";
import { Duplex } from "node:stream";

export interface Wire {
  readonly socket: Socket;
  /** The other side says something. */
  say(bytes: Buffer): void;
  readonly isOpen: boolean;
}

export function openWire(onWritten: (bytes: Buffer) => void): Wire {
  const socket = new Duplex({
    read: () => undefined,
    write: (bytes: Buffer, _, done) => {
      // As a kernel does: what was handed on may be used again.
      onWritten(Buffer.from(bytes));
      done();
    },
    // Whoever is told the last thing hangs up.
    final: (done) => {
      done();
      socket.push(null);
    },
  });
  return {
    // Nothing of a socket is used that a Duplex does not have.
    socket: socket as Socket,
    say: (bytes) => void (socket.destroyed || socket.push(bytes)),
    get isOpen() {
      return !socket.destroyed && !socket.writableEnded;
    },
  };
}
