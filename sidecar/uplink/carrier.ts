/** What brings the frames of the port to a broker and back: a unix socket on one machine, mutual TLS in a cluster. */
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import type { Refusal } from "#core/values/refusal.ts";

export interface Dialled {
  /** Open: what is written to it goes out. */
  readonly stream: Duplex;
  /** From then on another connection should take its place, opened beside it. */
  readonly replaceInMs?: number;
  /** Told when the connection ended before the broker had greeted, and of what. */
  readonly unwelcome?: (cause: Error | undefined) => void;
}

/** The broker has said why it would not have us. It is asked again all the same, since that may change. */
export class NotWelcome extends Error {
  override readonly name: string = "NotWelcome";
  readonly refusal: Refusal;

  constructor(why: Refusal, message = why.publicText) {
    super(message);
    this.refusal = why;
  }
}

export interface Carrier {
  /** Rejects when there is nobody to be had, or when the signal fires. */
  dial(signal: AbortSignal): Promise<Dialled>;
  /**
   * How often a silent broker is asked whether it is there; one that does not answer for as long again is gone. Absent where the
   * kernel tells of a loss.
   */
  readonly heartbeatMs?: number;
}

const CONNECT_MS_MAX = 5_000;

export function unixCarrier(path: string): Carrier {
  return {
    async dial(signal) {
      signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const socket = connect(path);
      const abort = (): void => reject(signal.reason as Error);
      const late = (): void => reject(new Error("the broker does not accept the connection"));
      socket.once("connect", resolve).once("error", reject).setTimeout(CONNECT_MS_MAX, late);
      signal.addEventListener("abort", abort, { once: true });
      try {
        await promise;
        socket.setTimeout(0);
        socket.off("error", reject);
        return { stream: socket };
      } catch (error) {
        socket.destroy();
        throw error;
      } finally {
        signal.removeEventListener("abort", abort);
      }
    },
  };
}
