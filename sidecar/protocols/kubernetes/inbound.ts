/** What comes from one side: heads, then bodies in the pieces that they arrive in. Nothing is read that nobody asked for. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Read } from "#core/wire/http/head.ts";
import { PeerBroke, PeerLeft } from "../peer.ts";
import { readSome } from "../reading.ts";

const NOTHING = Buffer.alloc(0);
/** Of what a client sends before it is its turn. */
const AHEAD_BYTES_MAX = 64 * 1024;

export class Inbound {
  readonly socket: Socket;
  #rest: Buffer = NOTHING;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  /** Undefined when the peer has ended between two messages. Throws `PeerLeft` and `PeerBroke`. */
  async head<Head>(read: (bytes: Buffer) => Read<Head>, signal: AbortSignal): Promise<Head | undefined> {
    for (;;) {
      const step: Read<Head> = this.#rest.length === 0 ? { state: "more" } : read(this.#rest);
      if (step.state === "broken") throw new PeerBroke(step.fault);
      if (step.state === "head") {
        this.#rest = this.#rest.subarray(step.usedBytes);
        return step.head;
      }
      const piece = await readSome(this.socket, signal);
      if (piece === undefined && this.#rest.length === 0) return undefined;
      if (piece === undefined) throw new PeerLeft("the peer left in the middle of a head");
      this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    }
  }

  /** Whatever there is next; undefined when the peer has ended. */
  async piece(signal: AbortSignal): Promise<Buffer | undefined> {
    const rest = this.#rest;
    if (rest.length === 0) return readSome(this.socket, signal);
    this.#rest = NOTHING;
    return rest;
  }

  /** Gives back what belongs to the next message. */
  giveBack(bytes: Buffer): void {
    this.#rest = bytes;
  }

  /**
   * Reads ahead until the peer ends, and resolves then: whoever waits for an answer and leaves is to be noticed. What it sends
   * meanwhile is kept; when that is too much nothing more is read. Rejects with the signal.
   */
  async ended(signal: AbortSignal): Promise<void> {
    while (this.#rest.length < AHEAD_BYTES_MAX) {
      const piece = await readSome(this.socket, signal);
      if (piece === undefined) return;
      this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece]);
    }
    await new Promise((_, reject) => {
      const aborted = (): void => reject(signal.reason as Error);
      signal.addEventListener("abort", aborted, { once: true });
      if (signal.aborted) aborted();
    });
  }

  get hasMore(): boolean {
    return this.#rest.length > 0;
  }
}

/** At the pace of whoever reads: resolves when there is room for more. Throws `PeerLeft` when nobody reads any more. */
export async function send(socket: Socket, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  if (socket.destroyed || socket.writableEnded) throw new PeerLeft("the peer has gone");
  if (socket.write(bytes)) return;
  await new Promise<void>((resolve, reject) => {
    const settle = (then: () => void) => (): void => {
      socket.off("drain", drained);
      socket.off("close", closed);
      signal.removeEventListener("abort", aborted);
      then();
    };
    const drained = settle(resolve);
    const closed = settle(() => reject(new PeerLeft("the peer has gone")));
    const aborted = settle(() => reject(signal.reason as Error));
    socket.on("drain", drained);
    socket.on("close", closed);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

/** Without a regular end, so that what came is not taken for all. In TLS there is no reset, but an end without its alert. */
export function cut(socket: Socket): void {
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}
