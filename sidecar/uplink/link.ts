/** One connection to the broker, from when it is open to its loss: frames out, answers to whoever asked. */
import type { Duplex } from "node:stream";
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
  readonly stream: Duplex;
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

export class Link {
  readonly #stream: Duplex;
  readonly #asked = new Map<number, Asked>();
  readonly #options: LinkOptions;
  #nextId = 0;
  #cause: Error | undefined;
  #retired = false;
  #heartbeat: NodeJS.Timeout | undefined;
  #heard = false;

  constructor(options: LinkOptions) {
    this.#options = options;
    const reader = new FrameReader();
    this.#stream = options.stream;
    this.#stream.on("data", (piece: Buffer) => {
      this.#heard = true;
      try {
        for (const frame of reader.push(piece)) this.#take(frame);
      } catch (error) {
        this.end(error instanceof Error ? error : new Error(String(error)));
      }
    });
    this.#stream.on("error", (error) => {
      this.#cause ??= error;
    });
    this.#stream.on("close", () => {
      clearInterval(this.#heartbeat);
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

  /**
   * Ends a link whose broker says nothing although it is asked: a network that swallows everything tells nobody. The question is
   * one that every version of the port answers at once: to give back a lease that there is not.
   */
  keepAlive(everyMs: number): void {
    let isAsked = false;
    this.#heartbeat = setInterval(() => {
      if (this.#heard) isAsked = false;
      else if (isAsked) return this.end(new Error("the broker does not answer any more"));
      else {
        isAsked = true;
        this.call("release", { lease: "" }, () => undefined);
      }
      this.#heard = false;
    }, everyMs).unref();
  }

  /** Ends once what was asked on it has been answered; nothing new is asked on it. */
  retire(): void {
    this.#retired = true;
    if (this.#asked.size === 0) this.end();
  }

  end(cause?: Error): void {
    this.#cause ??= cause;
    this.#stream.destroy();
  }

  #take(frame: Frame): void {
    const message = readToDataPlane(frame);
    if (message.type === "push") return this.#options.onPush(message.push);
    if (message.id >= this.#nextId) throw new PortViolation("answer.id", "the id of a call");
    const asked = this.#asked.get(message.id);
    this.#asked.delete(message.id);
    if (asked !== undefined) asked.settle(message);
    // Nobody waits for it any more, and nobody else will wipe what is in it.
    else for (const part of frame.parts) part.fill(0);
    if (this.#retired && this.#asked.size === 0) this.end();
  }

  #send(frame: Frame, secret = false): void {
    const bytes = encodeFrame(frame);
    this.#stream.write(bytes, () => {
      if (secret) bytes.fill(0);
    });
    if (this.#stream.writableLength > UNSENT_BYTES_MAX) this.end(new Error("the broker does not read"));
  }
}
