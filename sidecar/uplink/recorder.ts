/** A session's record as the session runner sees it. */
import { TextDigester } from "#core/audit/digest.ts";
import type { Decided, Result, SingleBody } from "#core/audit/event.ts";
import type { SessionId } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Sender, Urgency } from "./sender.ts";
import { SessionOutbox } from "./session-outbox.ts";

/** A request and what was decided of it. The text is never written to. */
export interface RecordedRequest {
  /** Counts the session's requests from 0. */
  readonly number: number;
  readonly decided: Decided;
  readonly text: Uint8Array;
}

export interface Recorder {
  /**
   * Puts on record what may run ahead of its acknowledgement: ends, and what was done with a credential. While `isFull`, wait for
   * `room` before the next one.
   */
  record(body: SingleBody): void;
  /** Puts on record what has to be durable first. A refusal when it is not in time. */
  recordStrictly(body: SingleBody): Promise<Refusal | undefined>;
  /** A permitted read, where the Connection lets it run ahead. */
  ask(request: RecordedRequest): void;
  /**
   * A request that has to be durable before it leaves: a write, a refusal, what could not be analysed, and any other where the
   * Connection says so. A refusal when it is not in time; the request is then recorded as refused, and must not be forwarded.
   */
  askStrictly(request: RecordedRequest): Promise<Refusal | undefined>;
  /** What came of a request. */
  answer(number: number, counts: Omit<Result, "atMs">): void;
  /** True while too much is unacknowledged: read no more from either side. */
  readonly isFull: boolean;
  /** Called whenever there is room again. */
  onRoom(listener: () => void): void;
  /** Resolves when there is room; also when the record has ended. */
  room(): Promise<void>;
}

export interface RecorderOptions {
  readonly session: SessionId;
  /** Taken over, and wiped here. */
  readonly digestKey: Uint8Array;
  /** The record takes nothing more, so the session has to end. */
  readonly onBroken: (refusal: Refusal) => void;
}

export interface RecorderTools {
  readonly sender: Sender;
  readonly nowMs: () => number;
  /** How long an action waits for its record before it is refused. */
  readonly trailWaitMs: number;
}

export function openRecorder(options: RecorderOptions, tools: RecorderTools): Recorder {
  const { session, digestKey } = options;
  const outbox = new SessionOutbox(session, new TextDigester(digestKey), tools.nowMs, options.onBroken);
  digestKey.fill(0);
  tools.sender.register(outbox);
  return new SessionRecorder(outbox, tools);
}

class SessionRecorder implements Recorder {
  readonly #outbox: SessionOutbox;
  readonly #tools: RecorderTools;

  constructor(outbox: SessionOutbox, tools: RecorderTools) {
    this.#outbox = outbox;
    this.#tools = tools;
  }

  get isFull(): boolean {
    return this.#outbox.isFull || this.#tools.sender.isFull;
  }

  record(body: SingleBody): void {
    if (this.#outbox.ended !== undefined) return;
    this.#outbox.seal(body);
    this.#send("soon");
  }

  recordStrictly(body: SingleBody): Promise<Refusal | undefined> {
    return this.#putStrictly(() => this.#outbox.seal(body));
  }

  ask({ number, decided, text }: RecordedRequest): void {
    if (this.#outbox.ended !== undefined) return;
    this.#outbox.ask(number, decided, text);
    this.#send("soon");
  }

  askStrictly({ number, decided, text }: RecordedRequest): Promise<Refusal | undefined> {
    const seal = (): number => {
      this.#outbox.ask(number, decided, text);
      return this.#outbox.sealGathered();
    };
    // It stands on record as allowed; what became of it has to stand there too.
    return this.#putStrictly(seal, () => this.answer(number, NOT_FORWARDED));
  }

  answer(number: number, counts: Omit<Result, "atMs">): void {
    if (this.#outbox.ended !== undefined) return;
    this.#outbox.answer(number, counts);
    this.#send("soon");
  }

  onRoom(listener: () => void): void {
    this.#outbox.onRoom(listener);
  }

  async room(): Promise<void> {
    while (this.isFull && this.#outbox.ended === undefined) await this.#outbox.nextRoom();
  }

  /** `late`: puts on record what has to be there of it when it was not stored in time. */
  async #putStrictly(seal: () => number, late?: () => void): Promise<Refusal | undefined> {
    const outbox = this.#outbox;
    const { sender, trailWaitMs } = this.#tools;
    if (outbox.ended !== undefined) return outbox.ended;
    // No room even for the refusal.
    if (outbox.isOverfull || sender.isOverfull) {
      outbox.passOver();
      return refusal("TRAIL_UNAVAILABLE");
    }
    const seq = seal();
    this.#send("now");
    const unavailable = await outbox.acknowledged(seq, Math.max(0, trailWaitMs - outbox.oldestAgeMs()));
    if (unavailable !== undefined) late?.();
    return unavailable;
  }

  #send(urgency: Urgency): void {
    this.#tools.sender.send(this.#outbox, urgency);
  }
}

const NOT_FORWARDED: Omit<Result, "atMs"> = {
  ended: "refused",
  rows: 0,
  bytes: 0,
  maskedValues: 0,
  errorCode: "TRAIL_UNAVAILABLE",
};
