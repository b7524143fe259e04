/**
 * Sends the events of all sessions of this process, several batches on their way at once. What the broker did not take goes
 * out again: an event is given up only when its session's record is broken off.
 */
import type { AppendAnswer, BrokerPort, SealedEvent } from "#core/port/port.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { type SessionOutbox, eventBytes } from "./session-outbox.ts";

export interface SenderOptions {
  readonly port: Pick<BrokerPort, "append">;
  /** Between 0 and 1, for pauses that do not meet. */
  readonly chance: () => number;
}

/** `now`: somebody waits for the acknowledgement. `soon`: nobody does, so that a few events go out together. */
export type Urgency = "now" | "soon";

export interface Sender extends AsyncDisposable {
  /** Before its first event: it is told when the process has room again. */
  register(outbox: SessionOutbox): void;
  send(outbox: SessionOutbox, urgency: Urgency): void;
  /** Those whose record is open, or not all stored. */
  open(): readonly SessionOutbox[];
  /** Something of it may go out that could not before. */
  resume(outbox: SessionOutbox): void;
  /** All sessions together hold back too much. */
  readonly isFull: boolean;
  readonly isOverfull: boolean;
  /** What all sessions together hold back, against what they may: above 1 more than that. */
  readonly fullness: number;
}

const BATCH_EVENTS_MAX = 256;
const BATCH_BYTES_MAX = 4 * 1024 * 1024;
const BATCHES_IN_FLIGHT_MAX = 4;
/**
 * While so many are on their way, what comes gathers for the next one, unless that is full. A second one would wait in the broker for the
 * first and hold half as much, and what a batch costs is paid for each.
 */
const PART_BATCHES_IN_FLIGHT_MAX = 1;
/**
 * How long, and how many of them, requests and results wait for each other while nobody waits for them. A batch costs both processes
 * about a millisecond before its first event does, and an event of one request hardly less than one of fifty. A session that has gathered
 * half of its window waits no longer.
 */
const LINGER_MS = 50;
const LINGERING_MAX = 2_048;
const PROCESS_BYTES_MAX = 64 * 1024 * 1024;
const PAUSE_MS_MIN = 50;
const PAUSE_MS_MAX = 1_000;
/** How long a process that ends waits for its last events. */
const FLUSH_MS_MAX = 3_000;

export function openSender(options: SenderOptions): Sender {
  return new BatchSender(options);
}

class BatchSender implements Sender {
  readonly #options: SenderOptions;
  readonly #closed = new AbortController();
  /** With something to send, in turn. */
  readonly #waiting = new Set<SessionOutbox>();
  /** With the bytes that each was last seen to hold back. */
  readonly #open = new Map<SessionOutbox, number>();
  #inFlight = 0;
  #bytes = 0;
  #scheduled = false;
  /** Something was to go out for which there was no room on the way. */
  #heldUp = false;
  #lingering = 0;
  #linger: NodeJS.Timeout | undefined;
  #pauseMs = 0;
  #pause: NodeJS.Timeout | undefined;
  #empty: PromiseWithResolvers<void> | undefined;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#bytes >= PROCESS_BYTES_MAX;
  }

  get isOverfull(): boolean {
    return this.#bytes >= 2 * PROCESS_BYTES_MAX;
  }

  get fullness(): number {
    return this.#bytes / PROCESS_BYTES_MAX;
  }

  register(outbox: SessionOutbox): void {
    this.#open.set(outbox, 0);
  }

  send(outbox: SessionOutbox, urgency: Urgency): void {
    this.#waiting.add(outbox);
    this.#count(outbox);
    this.#lingering += 1;
    if (urgency === "now" || this.#lingering >= LINGERING_MAX || outbox.hasGatheredMuch) this.#schedule();
    else this.#linger ??= setTimeout(() => this.#schedule(), LINGER_MS);
  }

  open(): readonly SessionOutbox[] {
    return [...this.#open.keys()];
  }

  resume(outbox: SessionOutbox): void {
    if (outbox.hasUnsent) this.#waiting.add(outbox);
    this.#count(outbox);
    this.#schedule();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const empty = Promise.withResolvers<void>();
    this.#empty = empty;
    const timer = setTimeout(() => empty.resolve(), FLUSH_MS_MAX);
    if (this.#bytes === 0) empty.resolve();
    await empty.promise;
    clearTimeout(timer);
    clearTimeout(this.#linger);
    clearTimeout(this.#pause);
    this.#closed.abort();
  }

  /** Whatever is recorded in this turn of the loop goes into one batch. */
  #schedule(): void {
    clearTimeout(this.#linger);
    this.#linger = undefined;
    if (this.#scheduled || this.#pause !== undefined) return;
    this.#scheduled = true;
    this.#lingering = 0;
    setImmediate(() => {
      this.#scheduled = false;
      let sent: "full" | "part" | undefined = "part";
      while (sent !== undefined && this.#pause === undefined && this.#mayFollow(sent))
        sent = this.#sendBatch();
      this.#heldUp = sent !== undefined && this.#waiting.size > 0;
    });
  }

  #mayFollow(sent: "full" | "part"): boolean {
    return this.#inFlight < (sent === "full" ? BATCHES_IN_FLIGHT_MAX : PART_BATCHES_IN_FLIGHT_MAX);
  }

  /** Undefined when there was nothing to send. */
  #sendBatch(): "full" | "part" | undefined {
    const batch: SealedEvent[] = [];
    const taking: { readonly outbox: SessionOutbox; readonly sentUpTo: number }[] = [];
    let bytes = 0;
    for (const outbox of this.#waiting) {
      const events = outbox.take(BATCH_EVENTS_MAX - batch.length, BATCH_BYTES_MAX - bytes);
      if (!outbox.hasUnsent) this.#waiting.delete(outbox);
      const last = events.at(-1);
      if (last === undefined) continue;
      outbox.inFlight += 1;
      taking.push({ outbox, sentUpTo: last.seq });
      batch.push(...events);
      bytes += events.reduce((sum, event) => sum + eventBytes(event), 0);
      if (batch.length >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX) break;
    }
    if (taking.length === 0) return undefined;
    void this.#deliver(batch, taking);
    return batch.length >= BATCH_EVENTS_MAX || bytes >= BATCH_BYTES_MAX ? "full" : "part";
  }

  async #deliver(
    batch: readonly SealedEvent[],
    taking: readonly { readonly outbox: SessionOutbox; readonly sentUpTo: number }[],
  ): Promise<void> {
    this.#inFlight += 1;
    const answers = await this.#append(batch);
    this.#inFlight -= 1;
    if (this.#closed.signal.aborted) return;
    const bySession = new Map(answers?.map((answer) => [answer.session, answer]));
    for (const { outbox, sentUpTo } of taking) {
      outbox.inFlight -= 1;
      const answer = bySession.get(outbox.session);
      if (answer === undefined) outbox.rewind = true;
      else if ("refusal" in answer) outbox.breakOff(answer.refusal);
      else outbox.acknowledge(answer.seq, sentUpTo);
      if (outbox.rewind && outbox.inFlight === 0) outbox.startOver();
      outbox.arriveIfReady();
      if (outbox.hasUnsent) this.#waiting.add(outbox);
      this.#count(outbox);
    }
    if (answers === undefined) this.#rest();
    else this.#pauseMs = 0;
    // What came meanwhile and is in no hurry has its own time, unless something waits for this place that is.
    if (this.#linger === undefined || this.#heldUp) this.#schedule();
  }

  /** Undefined when nothing is known to be stored. */
  async #append(batch: readonly SealedEvent[]): Promise<readonly AppendAnswer[] | undefined> {
    try {
      const answers = await this.#options.port.append(batch, this.#closed.signal);
      return isRefusal(answers) ? undefined : answers;
    } catch {
      // Aborted with the process, or the carrier failed: to the events it is the same as a refusal.
      return undefined;
    }
  }

  #rest(): void {
    this.#pauseMs = Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, 2 * this.#pauseMs));
    clearTimeout(this.#pause);
    this.#pause = setTimeout(
      () => {
        this.#pause = undefined;
        this.#schedule();
      },
      this.#pauseMs * (0.5 + this.#options.chance() / 2),
    );
  }

  #count(outbox: SessionOutbox): void {
    const wasFull = this.isFull;
    this.#bytes += outbox.bytes - (this.#open.get(outbox) ?? 0);
    if (outbox.isEmpty && outbox.ended !== undefined) this.#open.delete(outbox);
    else this.#open.set(outbox, outbox.bytes);
    if (wasFull && !this.isFull) for (const open of this.#open.keys()) if (!open.isFull) open.roomAgain();
    if (this.#bytes === 0) this.#empty?.resolve();
  }
}
