/** A session's record as the session runner sees it. */
import { type KeyObject, createSecretKey } from "node:crypto";
import type { EventBody } from "#core/audit/event.ts";
import { textDigest } from "#core/audit/digest.ts";
import { TEXT_BYTES_MAX } from "#core/audit/leaf.ts";
import { kindRow } from "#core/audit/kinds.ts";
import type { SessionId } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Sender, Urgency } from "./sender.ts";
import { SessionOutbox } from "./session-outbox.ts";

export interface Recorder {
  /**
   * Puts on record what may run ahead of its acknowledgement: permitted reads, results, ends. While `isFull`, wait for
   * `room` before the next one.
   */
  record(body: EventBody, text?: Uint8Array): void;
  /**
   * Puts on record what has to be durable first: writes, refusals, credentials, what could not be analysed. A refusal when
   * it is not in time; a request is then recorded as refused, and must not be forwarded.
   */
  recordStrictly(body: EventBody, text?: Uint8Array): Promise<Refusal | undefined>;
  /** The text's digest under the session's key, hex. What was shown here once is never written to. */
  digest(text: Uint8Array): string;
  /** True while too much is unacknowledged: read no more from either side. */
  readonly isFull: boolean;
  /** Called whenever there is room again. */
  onRoom(listener: () => void): void;
  /** Resolves when there is room; also when the record has ended. */
  room(): Promise<void>;
}

export interface RecorderOptions {
  readonly session: SessionId;
  /** Wiped with the session's end. */
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
  const outbox = new SessionOutbox(session, createSecretKey(digestKey), tools.nowMs, options.onBroken);
  const { sender } = tools;
  sender.register(outbox);

  const digest = digester(outbox);

  function put(body: EventBody, urgency: Urgency, text?: Uint8Array): number {
    // What is longer keeps its beginning; digest and length are those of all of it.
    const payload = text === undefined ? undefined : Buffer.copyBytesFrom(text, 0, TEXT_BYTES_MAX);
    // Its digest may have been made before the record went to another log, where another key is.
    const isOlder = outbox.hasMoved && body.kind === "request" && text !== undefined;
    const seq = outbox.seal(isOlder ? { ...body, textDigest: digest(text) } : body, payload);
    if (kindRow(body.kind)?.ends === true) digestKey.fill(0);
    sender.send(outbox, urgency);
    return seq;
  }

  async function acknowledged(seq: number): Promise<Refusal | undefined> {
    const waitMs = Math.max(0, tools.trailWaitMs - outbox.oldestAgeMs());
    return outbox.acknowledged(seq, waitMs);
  }

  return {
    record: (body, text) => {
      if (outbox.ended === undefined) put(body, "soon", text);
    },
    recordStrictly: async (body, text) => {
      if (outbox.ended !== undefined) return outbox.ended;
      // No room even for the refusal: it is counted, and the next event tells how many there were.
      if (outbox.isOverfull || sender.isOverfull) {
        outbox.unrecorded += 1;
        return refusal("TRAIL_UNAVAILABLE");
      }
      const unavailable = await acknowledged(put(body, "now", text));
      if (unavailable !== undefined && body.kind === "request" && outbox.ended === undefined)
        put(notForwarded(body.request), "soon");
      return unavailable;
    },
    digest,
    get isFull() {
      return outbox.isFull || sender.isFull;
    },
    onRoom: (listener) => outbox.onRoom(listener),
    room: async () => {
      while ((outbox.isFull || sender.isFull) && outbox.ended === undefined) await outbox.nextRoom();
    },
  };
}

/** A prepared statement is run again and again, each time with the one text that it was prepared with. */
function digester(outbox: SessionOutbox): (text: Uint8Array) => string {
  let last: { readonly text: Uint8Array; readonly key: KeyObject; readonly digest: string } | undefined;
  return (text) => {
    const key = outbox.digestingKey;
    if (last?.text !== text || last.key !== key) last = { text, key, digest: textDigest(key, text) };
    return last.digest;
  };
}

/** The request stands on record as allowed; what became of it has to stand there too. */
function notForwarded(request: number): EventBody {
  const none = { rows: 0, bytes: 0, maskedValues: 0 };
  return { kind: "result", request, ended: "refused", ...none, errorCode: "TRAIL_UNAVAILABLE" };
}
