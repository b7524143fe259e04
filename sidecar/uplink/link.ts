/** One connection to the broker, from connect to loss: frames out, answers to whoever asked. */
import { type Socket, connect } from "node:net";
import { type Frame, FrameReader, encodeFrame } from "#core/port/frame.ts";
import {
  type ToDataPlane,
  callFrame,
  callRow,
  cancelFrame,
  readToDataPlane,
  subscribeFrame,
  tellFrame,
} from "#core/port/messages.ts";
import type { AnswerOf, CallOperation, RequestOf, TellOperation } from "#core/port/operations.ts";
import type { Push } from "#core/port/port.ts";
import { PortViolation } from "#core/port/shapes.ts";

export interface LinkOptions {
  readonly path: string;
  readonly onPush: (push: Push) => void;
  /** Once, after which nothing of this link happens any more. */
  readonly onEnd: (cause: Error | undefined) => void;
}

/** What comes back of a call: its answer, or that the broker failed at it. */
export type Outcome<O extends CallOperation> = { readonly answer: AnswerOf<O> } | { readonly fault: true };

interface Asked {
  settle(message: Extract<ToDataPlane, { type: "answer" | "fault" }>): void;
}

/** A broker that reads this slowly has hung; what waits is sent again on the next connection. */
const UNSENT_BYTES_MAX = 64 * 1024 * 1024;
const CONNECT_MS_MAX = 5_000;

export class Link {
  readonly #socket: Socket;
  readonly #asked = new Map<number, Asked>();
  readonly #options: LinkOptions;
  #nextId = 0;
  #cause: Error | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    const reader = new FrameReader();
    this.#socket = connect(options.path);
    this.#socket.setTimeout(CONNECT_MS_MAX, () =>
      this.end(new Error("the broker does not accept the connection")),
    );
    this.#socket.on("connect", () => this.#socket.setTimeout(0));
    this.#socket.on("data", (piece: Buffer) => {
      try {
        for (const frame of reader.push(piece)) this.#take(frame);
      } catch (error) {
        this.end(error instanceof Error ? error : new Error(String(error)));
      }
    });
    this.#socket.on("error", (error) => {
      this.#cause ??= error;
    });
    this.#socket.on("close", () => {
      this.#asked.clear();
      options.onEnd(this.#cause);
    });
  }

  get inFlight(): number {
    return this.#asked.size;
  }

  /** `settle` is called at most once, and never after the link has ended. The id is for `cancel`. */
  call<O extends CallOperation>(
    operation: O,
    request: RequestOf<O>,
    settle: (outcome: Outcome<O>) => void,
  ): number {
    const id = this.#nextId;
    this.#nextId += 1;
    const { secret } = callRow(operation);
    this.#send(callFrame(id, operation, request), secret === "request" || secret === "both");
    this.#asked.set(id, {
      settle: (message) =>
        settle(message.type === "fault" ? { fault: true } : { answer: message.read(operation) }),
    });
    return id;
  }

  /** What the broker still says to it is not listened to. */
  cancel(id: number): void {
    if (this.#asked.delete(id)) this.#send(cancelFrame(id));
  }

  tell<O extends TellOperation>(operation: O, request: RequestOf<O>): void {
    this.#send(tellFrame(operation, request));
  }

  subscribe(): void {
    this.#send(subscribeFrame);
  }

  end(cause?: Error): void {
    this.#cause ??= cause;
    this.#socket.destroy();
  }

  #take(frame: Frame): void {
    const message = readToDataPlane(frame);
    if (message.type === "push") return this.#options.onPush(message.push);
    if (message.id >= this.#nextId) throw new PortViolation("answer.id", "the id of a call");
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (asked !== undefined) return asked.settle(message);
    // Nobody waits for it any more, and nobody else will wipe what is in it.
    for (const part of frame.parts) part.fill(0);
  }

  #send(frame: Frame, secret = false): void {
    const bytes = encodeFrame(frame);
    this.#socket.write(bytes, () => {
      if (secret) bytes.fill(0);
    });
    if (this.#socket.writableLength > UNSENT_BYTES_MAX) this.end(new Error("the broker does not read"));
  }
}
