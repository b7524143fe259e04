/** Takes what the client sends, message by message, and knows when to wait: nothing is read past what is undecided. */
import { refusal } from "#core/values/refusal.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { FrameScanner, FRONTEND_FRAMES } from "#core/wire/postgres/frames.ts";
import { Chunks } from "./chunks.ts";
import type { SessionCore } from "./core.ts";
import { SLOTS_MAX } from "./expected.ts";
import { Holding } from "./holding.ts";
import { FLUSH, SYNC } from "./marker.ts";

/** Where a message stands. Valid until the next one is taken. */
export interface Frame {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

export interface Handlers {
  /** A whole message. */
  frame(intake: Intake, type: number, frame: Frame): void;
  /** A piece of a message too large to be had whole; `first` and `last` say which. */
  piece(intake: Intake, type: number, frame: Frame, first: boolean, last: boolean): void;
}

/**
 * Read on even while waiting, so that a client that leaves is noticed; up to this much, then the client waits too.
 */
const QUEUE_BYTES_MAX = 1024 * 1024;

export class Intake {
  readonly core: SessionCore;
  /** Everything up to the next Sync is skipped, as the upstream skips it. */
  skipping = false;
  /** Something was forwarded since the last Sync, so that the upstream may keep answers to itself. */
  groupOpen = false;
  /** Something that can end an aborted transaction was forwarded since the last Sync. */
  mayRevive = false;
  /** Set while later messages must wait for a slot whose result may yet be refused. */
  barrier = -1;
  /** What the handlers keep of a message that arrives in pieces. */
  streaming: "pass" | "drop" | Buffer[] = "drop";
  hasTerminated = false;
  /**
   * What has been sent of the copy under way. A Sync behind data is read over by the upstream while it takes that for good, and
   * ends the group when it does not: so it is held until either is known.
   */
  copied: "nothing" | "data" | "data, and a Sync" = "nothing";

  readonly #scanner = new FrameScanner(FRONTEND_FRAMES);
  readonly #holding: Holding;
  readonly #handlers: Handlers;
  readonly #onBug: (error: unknown) => void;
  readonly #queue = new Chunks();
  #awaiting = false;
  #isReady: (() => boolean) | undefined;
  #then: (() => void) | undefined;
  #running = false;
  #demanded = false;

  constructor(core: SessionCore, handlers: Handlers, onBug: (error: unknown) => void) {
    this.core = core;
    this.#handlers = handlers;
    this.#onBug = onBug;
    this.#holding = new Holding(core.parts.budget);
  }

  close(): void {
    this.#holding.hold(0);
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.run();
  }

  get isFull(): boolean {
    return this.#queue.bytes >= QUEUE_BYTES_MAX;
  }

  /** Nothing is waiting here: neither bytes nor a decision. */
  get isIdle(): boolean {
    return this.#queue.bytes === 0 && !this.#awaiting && this.#isReady === undefined;
  }

  /** Goes on as far as it can. Called whenever something it may wait for has changed. */
  run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      this.#go();
    } catch (error) {
      if (error instanceof MalformedMessage) this.protocolError(error.message);
      else this.#onBug(error);
    } finally {
      this.#running = false;
    }
    if (!this.core.hasEnded) this.core.parts.toUpstream.flush();
  }

  /** Goes on with `then` when the answer is there; a handler returns right after calling this. */
  await<Value>(promise: Promise<Value>, then: (value: Value) => void): void {
    this.#awaiting = true;
    void this.#afterwards(promise, then);
  }

  async #afterwards<Value>(promise: Promise<Value>, then: (value: Value) => void): Promise<void> {
    try {
      const value = await promise;
      this.waitUntil(ready, () => then(value));
      this.#awaiting = false;
      this.run();
    } catch (error) {
      this.#onBug(error);
    }
  }

  /** Goes on with `then` once `isReady` says so; it is asked after every change. */
  waitUntil(isReady: () => boolean, then: () => void): void {
    this.#isReady = isReady;
    this.#then = then;
  }

  /** A Sync is on its way: nothing before it is waited for, or skipped, any more. */
  endGroup(): void {
    this.core.names.nextGroup();
    this.skipping = false;
    this.groupOpen = false;
    this.mayRevive = false;
  }

  /** The copy has failed, so the Sync that was held is one. */
  releaseSync(): void {
    const isHeld = this.copied === "data, and a Sync";
    this.copied = "nothing";
    if (!isHeld) return;
    this.core.expected.push("sync");
    this.endGroup();
    this.core.parts.toUpstream.put(SYNC);
  }

  /** Makes the upstream answer what it may keep to itself until the client's Sync. */
  demandAnswers(): void {
    if (this.groupOpen) this.core.parts.toUpstream.put(FLUSH);
  }

  protocolError(what: string): void {
    this.core.fail(refusal("CLIENT_PROTOCOL", `the client broke its protocol: ${what}`));
  }

  #go(): void {
    for (;;) {
      if (this.core.hasEnded || this.#isBlocked()) return;
      const scanner = this.#scanner;
      const step = scanner.next();
      switch (step) {
        case "more": {
          const chunk = this.#queue.take();
          if (chunk === undefined) return;
          scanner.push(chunk);
          if (!this.#holding.hold(scanner.heldBytes)) return this.core.fail(refusal("LIMIT_GATEWAY"));
          break;
        }
        case "broken":
          return this.protocolError(scanner.fault);
        case "frame":
          this.#handlers.frame(this, scanner.type, scanner);
          break;
        case "head":
        case "piece":
          this.#handlers.piece(this, scanner.type, scanner, step === "head", scanner.missing === 0);
          break;
      }
    }
  }

  /** As many answers are owed as are kept track of. The upstream may sit on them until a Sync that is still to come. */
  #isCrowded(): boolean {
    if (this.core.expected.length < SLOTS_MAX) {
      this.#demanded = false;
      return false;
    }
    if (!this.#demanded) this.demandAnswers();
    this.#demanded = true;
    return true;
  }

  #isBlocked(): boolean {
    for (;;) {
      if (this.#awaiting || this.core.cancelling > 0 || this.core.hasEnded) return true;
      // What stands behind the goodbye is read by nobody.
      if (this.hasTerminated) return true;
      if (this.core.parts.tap.isFull || this.#isCrowded()) return true;
      if (this.#isReady === undefined) return false;
      if (!this.#isReady()) return true;
      const then = this.#then;
      this.#isReady = undefined;
      this.#then = undefined;
      then?.();
    }
  }
}

const ready = (): boolean => true;
