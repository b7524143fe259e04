/** One data plane on the socket: reads what it asks, performs it on the broker, answers. Believes nothing unread. */
import type { Socket } from "node:net";
import { FRAME_BYTES_MAX, FrameReader } from "#core/port/frame.ts";
import {
  type CallMessage,
  type ToBroker,
  answerFrame,
  callRow,
  faultFrame,
  pushFrame,
  readToBroker,
  tellRow,
} from "#core/port/messages.ts";
import type { BrokerPort, PlanPush, Push, SealedEvent } from "#core/port/port.ts";
import { PortViolation } from "#core/port/shapes.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { type Note, causeOf } from "../note.ts";
import { type Outbox, openOutbox } from "./outbox.ts";

export interface PeerOptions {
  readonly port: BrokerPort;
  readonly note: Note;
}

const HELLO_MS_MAX = 5_000;
/** Whoever has not introduced itself is given no more room than that takes. */
export const HELLO_BYTES_MAX = 8 * 1024;
/** A data plane waits with more than this; one that does not is not ours. */
export const IN_FLIGHT_MAX = 4_096;
/** Events on their way to the disk; then no more is read until some of them are stored. */
const APPENDING_BYTES_MAX = 32 * 1024 * 1024;

export function servePeer(socket: Socket, options: PeerOptions): void {
  const peer = new Peer(socket, options);
  const reader = new FrameReader(HELLO_BYTES_MAX);
  socket.on("data", (piece: Buffer) => {
    try {
      for (const frame of reader.push(piece)) {
        peer.take(readToBroker(frame));
        reader.allow(FRAME_BYTES_MAX);
      }
    } catch (error) {
      peer.drop(error);
    }
  });
  socket.on("error", (error) => options.note("port.failed", { cause: causeOf(error) }));
  socket.on("close", () => peer.left());
}

class Peer {
  readonly #socket: Socket;
  readonly #options: PeerOptions;
  readonly #outbox: Outbox;
  readonly #gone = new AbortController();
  readonly #inFlight = new Map<number, AbortController>();
  readonly #helloInTime: NodeJS.Timeout;
  #greeted = false;
  #subscribed = false;
  #lastId = -1;
  #appendingBytes = 0;

  constructor(socket: Socket, options: PeerOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#outbox = openOutbox(socket, () => {
      options.note("port.slow-reader", { waitingBytes: socket.writableLength });
      socket.destroy();
    });
    const late = new PortViolation("hello", `a greeting within ${HELLO_MS_MAX} ms`);
    this.#helloInTime = setTimeout(() => this.drop(late), HELLO_MS_MAX);
  }

  take(message: ToBroker): void {
    const isHello = message.type === "call" && message.operation === "hello";
    if (isHello === this.#greeted) throw new PortViolation("message", "hello first, and only once");
    switch (message.type) {
      case "call":
        this.#greeted = true;
        return this.#call(message);
      case "tell":
        return tellRow(message.operation).perform(this.#options.port, message.request);
      case "subscribe":
        if (this.#subscribed) throw new PortViolation("subscribe", "one subscription");
        this.#subscribed = true;
        return this.#options.port.subscribe((push) => this.#push(push), this.#gone.signal);
      case "cancel":
        return this.#inFlight.get(message.id)?.abort();
    }
  }

  /** Ends the connection: the peer broke the contract, or we failed at taking what it sent. */
  drop(error: unknown): void {
    this.#options.note(error instanceof PortViolation ? "port.refused" : "port.failed", {
      cause: causeOf(error),
    });
    this.#socket.destroy();
  }

  left(): void {
    clearTimeout(this.#helloInTime);
    this.#gone.abort();
    for (const call of this.#inFlight.values()) call.abort();
  }

  #push(push: Push): void {
    if (push.kind === "revoked") this.#outbox.send(pushFrame(push));
    else this.#outbox.sendLatest(() => pushFrame(push satisfies PlanPush));
  }

  #call(message: CallMessage): void {
    // Ids only grow, so none can be asked twice.
    if (message.id <= this.#lastId) throw new PortViolation("call.id", "a new id");
    if (this.#inFlight.size >= IN_FLIGHT_MAX)
      throw new PortViolation("call", `at most ${IN_FLIGHT_MAX} at once`);
    this.#lastId = message.id;
    void this.#perform(message);
  }

  async #perform(message: CallMessage): Promise<void> {
    const { id, operation } = message;
    const bytes = message.operation === "append" ? batchBytes(message.request.batch) : 0;
    const cancelled = new AbortController();
    this.#inFlight.set(id, cancelled);
    this.#appending(bytes);
    try {
      // Not a signal of several: one for each batch of the trail is dear.
      const { signal } = cancelled;
      const row = callRow(operation);
      const answer = await row.perform(this.#options.port, message.request, signal);
      try {
        if (signal.aborted) return;
        const isSecret = row.secret === "answer" || row.secret === "both";
        this.#outbox.send(answerFrame(id, operation, answer), isSecret);
      } finally {
        row.wipe?.(answer);
      }
      if (operation === "hello") this.#welcomed(answer);
    } catch (error) {
      if (cancelled.signal.aborted) return;
      this.#options.note("port.failed", { operation, cause: causeOf(error) });
      this.#outbox.send(faultFrame(id));
    } finally {
      this.#inFlight.delete(id);
      this.#appending(-bytes);
    }
  }

  #welcomed(answer: unknown): void {
    clearTimeout(this.#helloInTime);
    if (typeof answer === "object" && answer !== null && isRefusal(answer)) this.#socket.end();
  }

  #appending(bytes: number): void {
    this.#appendingBytes += bytes;
    if (this.#appendingBytes > APPENDING_BYTES_MAX) this.#socket.pause();
    else if (this.#socket.isPaused()) this.#socket.resume();
  }
}

function batchBytes(batch: readonly SealedEvent[]): number {
  return batch.reduce((sum, { leaf, payload }) => sum + leaf.length + (payload?.length ?? 0), 0);
}
