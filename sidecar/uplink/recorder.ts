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
  /** A permitted read: it may run ahead. */
  ask(request: RecordedRequest): void;
  /**
   * A request that has to be durable before it leaves: a write, a refusal, what could not be analysed. A refusal when it is not in
   * time; the request is then recorded as refused, and must not be forwarded.
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
  const { sender } = tools;
  sender.register(outbox);

  function put(write: () => unknown, urgency: Urgency): void {
    if (outbox.ended !== undefined) return;
    write();
    sender.send(outbox, urgency);
  }

  /** `late`: what has to be put on record of it when it was not stored in time. */
  async function putStrictly(seal: () => number, late?: () => void): Promise<Refusal | undefined> {
    if (outbox.ended !== undefined) return outbox.ended;
    // No room even for the refusal.
    if (outbox.isOverfull || sender.isOverfull) {
      outbox.passOver();
      return refusal("TRAIL_UNAVAILABLE");
    }
    const seq = seal();
    sender.send(outbox, "now");
    const unavailable = await outbox.acknowledged(seq, Math.max(0, tools.trailWaitMs - outbox.oldestAgeMs()));
    if (unavailable !== undefined && late !== undefined) put(late, "soon");
    return unavailable;
  }

  return {
    record: (body) => put(() => outbox.seal(body), "soon"),
    recordStrictly: (body) => putStrictly(() => outbox.seal(body)),
    ask: ({ number, decided, text }) => put(() => outbox.ask(number, decided, text), "soon"),
    askStrictly: ({ number, decided, text }) =>
      putStrictly(
        () => {
          outbox.ask(number, decided, text);
          return outbox.sealGathered();
        },
        // It stands on record as allowed; what became of it has to stand there too.
        () => outbox.answer(number, NOT_FORWARDED),
      ),
    answer: (number, counts) => put(() => outbox.answer(number, counts), "soon"),
    get isFull() {
      return outbox.isFull || sender.isFull;
    },
    onRoom: (listener) => outbox.onRoom(listener),
    room: async () => {
      while ((outbox.isFull || sender.isFull) && outbox.ended === undefined) await outbox.nextRoom();
    },
  };
}

const NOT_FORWARDED: Omit<Result, "atMs"> = {
  ended: "refused",
  rows: 0,
  bytes: 0,
  maskedValues: 0,
  errorCode: "TRAIL_UNAVAILABLE",
};
