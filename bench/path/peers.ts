/** Both sides of a session without a socket: what the relay writes is what it is measured by. */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/** As much of a socket as the relay uses. Nothing is ever full, and nothing is kept. */
export class MemoryPeer extends EventEmitter {
  readonly destroyed = false;
  readonly writableNeedDrain = false;
  readonly writable = true;
  readonly writableLength = 0;
  writes = 0;
  bytes = 0;
  #isPaused = false;
  #hasEnded = false;
  #last = "";

  /** What the relay is given to read and write. */
  get socket(): Socket {
    return this as unknown as Socket;
  }

  /** Bytes of the peer have arrived. */
  says(bytes: Buffer): void {
    if (this.#hasEnded) throw new Error(`the session has ended: ${this.#last}`);
    this.emit("data", bytes);
  }

  write(bytes: Uint8Array): boolean {
    this.writes += 1;
    this.bytes += bytes.length;
    return true;
  }

  cork(): void {
    // A batch of parts leaves as one system call, and counts as that.
    this.writes += 1;
  }

  uncork(): void {
    // See `cork`.
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  isPaused(): boolean {
    return this.#isPaused;
  }

  end(last: Uint8Array | (() => void), done?: () => void): void {
    this.#hasEnded = true;
    if (typeof last !== "function") this.#last = Buffer.from(last).toString("latin1");
    const told = typeof last === "function" ? last : done;
    told?.();
  }

  destroy(): void {
    this.#hasEnded = true;
    this.emit("close");
  }
}
