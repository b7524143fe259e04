/**
 * The trail: what happened, durable before it is acknowledged. It orders, stores and proves; it decides nothing and
 * knows neither tokens nor upstreams.
 */
import type { EventBody } from "#core/audit/event.ts";
import type { AppendAnswer, SealedEvent, SessionId } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { Note } from "../note.ts";
import type { Disk } from "./disk.ts";
import type { Keyring } from "./keyring.ts";

export interface TrailOptions {
  /** Segments and wrapped session keys. Made when absent; must belong to this uid and be closed to others. */
  readonly directory: string;
  /** The keys that open texts, apart from what they protect. */
  readonly keyring: Keyring;
  readonly disk: Disk;
  /** Names this broker in its own events. */
  readonly broker: string;
  readonly nowMs: () => number;
  readonly note: Note;
  /** A segment that has grown past this is closed. */
  readonly segmentBytesMax?: number;
}

/** The part of a session that outlives its events' bytes: the key of its digests, erasable with its texts. */
export interface SessionKeys {
  readonly digestKey: Uint8Array;
}

export type TrailHealth =
  | { readonly state: "ready" }
  /** Appends are refused until it is tried again; `cause` is for operators. */
  | { readonly state: "failing"; readonly cause: string; readonly sinceMs: number };

export interface Trail extends AsyncDisposable {
  /**
   * Makes the session's keys durable; has to come before its first event. Asked again for the same session it gives the
   * same keys. The digest key is a copy that the caller wipes.
   */
  openSession(session: SessionId, signal: AbortSignal): Promise<SessionKeys | Refusal>;
  /** As BrokerPort.append. A batch is admitted in call order; aborting stops the wait, not the write. */
  append(batch: readonly SealedEvent[], signal: AbortSignal): Promise<readonly AppendAnswer[] | Refusal>;
  /** Sessions on record without an end: after a start, those whose data planes must come back or be declared lost. */
  unfinished(): readonly SessionId[];
  /** Puts an event on the broker's own record; undefined once it is durable. */
  say(body: EventBody, signal: AbortSignal): Promise<Refusal | undefined>;
  /** Ends the record of a session whose data plane is gone; nothing happens when it has ended. */
  declareLost(session: SessionId, signal: AbortSignal): Promise<Refusal | undefined>;
  readonly health: TrailHealth;
}
