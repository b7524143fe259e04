/**
 * Sockets whose bytes are read into one buffer of the process. By itself Node.js takes 64 KiB for each read and gives most of it back,
 * which costs more than the read. The buffer is nobody's for longer than one callback, and nobody but this file ever sees it: what came is
 * copied out of it, byte for byte, before anything else happens. Why, and what it relies on: docs/decisions/0058.
 */
import { Socket, type SocketConstructorOpts } from "node:net";

const SHARED_BYTES = 64 * 1024;
const shared = Buffer.allocUnsafeSlow(SHARED_BYTES);

/** Where a read is under way while others are, as on Windows, each needs memory of its own. */
const isOneAtATime = process.platform !== "win32";

type Listener = (bytes: Buffer) => void;

class SharingSocket extends Socket {
  #listener: Listener | undefined;

  constructor(options: SocketConstructorOpts) {
    super({ ...options, onread: { buffer: shared, callback: (count) => this.#arrived(count) } });
  }

  handTo(listener: Listener): void {
    this.#listener = listener;
    this.on("data", listener);
  }

  /** False when no more is to be read for now. */
  #arrived(count: number): boolean {
    const bytes = Buffer.allocUnsafe(count);
    shared.copy(bytes, 0, 0, count);
    // Whoever reads step by step, or has not yet taken what came before, finds it in the stream as ever.
    if (this.#listener === undefined || this.readableLength > 0 || this.readableFlowing !== true)
      return this.push(bytes);
    this.#listener(bytes);
    return true;
  }
}

/** Not connected yet. */
export function sharingSocket(options: SocketConstructorOpts): Socket {
  return isOneAtATime ? new SharingSocket(options) : new Socket(options);
}

/** What stands between a socket and the kernel. Node.js has no public way to give it to another socket. */
interface Inside {
  _handle?: object | null;
}

/**
 * The same connection as another socket, since what listens makes none that share. The one that it came by is of no use any more, and is
 * destroyed without a word to the peer. With a Node.js that does not know how, it stays the connection's own, and nothing is lost but time.
 */
export function sharing(accepted: Socket): Socket {
  const inside = accepted as unknown as Inside;
  const { _handle: handle } = inside;
  const isWhole = !accepted.destroyed && accepted.writableLength === 0;
  if (!isOneAtATime || !isWhole || typeof handle !== "object" || handle === null) return accepted;
  // Stopped, it is read from anew when somebody asks; so its end is told again if that has come already.
  const options = { handle, allowHalfOpen: accepted.allowHalfOpen, pauseOnCreate: true };
  const socket = new SharingSocket(options as unknown as SocketConstructorOpts);
  if ((socket as unknown as Inside)._handle !== handle) return accepted;
  inside._handle = null;
  // What came before this, if anything did.
  const begun = accepted.read() as Buffer | null;
  if (begun !== null) socket.push(begun);
  accepted.destroy();
  return socket;
}

/** Calls it with whatever comes while the socket flows: at once where it shares, as `data` where it does not. */
export function onBytes(socket: Socket, listener: Listener): void {
  if (socket instanceof SharingSocket) socket.handTo(listener);
  else socket.on("data", listener);
}
