/** The events of one session that are not acknowledged yet, sealed in their order, and whoever waits for them. */
import { chainHash, chainSeed } from "#core/audit/chain.ts";
import type { TextDigester } from "#core/audit/digest.ts";
import {
  type AuditEvent,
  type Decided,
  EVENT_VERSION,
  type EventBody,
  type Result,
  type SingleBody,
} from "#core/audit/event.ts";
import { kindRow } from "#core/audit/kinds.ts";
import { leafBytes, parseLeaf } from "#core/audit/leaf.ts";
import { sessionBytes } from "#core/port/ids.ts";
import type { SealedEvent, SessionId } from "#core/port/port.ts";
import { ownBytes } from "#core/values/own-bytes.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { withDigestsOf } from "./digests-anew.ts";
import { Gathering } from "./gathering.ts";

/** Requests, results that came later, and other events. */
export const WINDOW_EVENTS = 256;
export const WINDOW_BYTES = 4 * 1024 * 1024;
/** What one read of a pipelining client may add to a full window. Beyond it strict events are only counted. */
const OVERFULL_FACTOR = 2;
/** Beyond it the session ends: its protocol reads on although the window is full. */
const BREAKING_FACTOR = 16;

interface Held {
  readonly event: SealedEvent;
  readonly sealedMs: number;
  /** What it takes of the window: a place for each request and each result of an earlier one. */
  readonly weight: number;
}

/** Up to where the record is known to be stored, and in whose log. */
interface Stored {
  readonly log: string | undefined;
  readonly seq: number;
  readonly head: Uint8Array;
}

/** Where a record goes on. */
export interface Destination {
  readonly log: string;
  readonly digester: TextDigester;
}

interface Waiter {
  seq: number;
  readonly settle: (answer: Refusal | undefined) => void;
}

export function eventBytes({ leaf, payload }: SealedEvent): number {
  return leaf.length + (payload?.length ?? 0);
}

export class SessionOutbox {
  readonly session: SessionId;
  /** Set when the record takes nothing more. */
  ended: Refusal | undefined;
  bytes = 0;
  /** Events in front of this one are on their way. */
  sent = 0;
  /** Batches on their way that hold events of this session. */
  inFlight = 0;
  /** Something was not stored: when nothing is on its way any more, all of it goes out again. */
  rewind = false;
  /** While it is told to another broker whose session this is, nothing of it goes out. */
  isHeldBack = false;
  /** Of texts; under another key in another log. */
  digester: TextDigester;

  readonly #nowMs: () => number;
  readonly #onBroken: (refusal: Refusal) => void;
  readonly #room: (() => void)[] = [];
  #nextRoom: PromiseWithResolvers<void> | undefined;
  #held: Held[] = [];
  #weight = 0;
  /** Refused requests that there was no room to record. */
  #unrecorded = 0;
  #gathering: Gathering | undefined;
  #waiters: Waiter[] = [];
  #seq = 0;
  #head: Uint8Array;
  #stored: Stored;
  /** The broker that its events go to; undefined for the first. */
  #log: string | undefined;
  #destination: Destination | undefined;

  constructor(
    session: SessionId,
    digester: TextDigester,
    nowMs: () => number,
    onBroken: (refusal: Refusal) => void,
  ) {
    this.session = session;
    this.digester = digester;
    this.#nowMs = nowMs;
    this.#onBroken = onBroken;
    this.#head = chainSeed(sessionBytes(session));
    this.#stored = { log: undefined, seq: -1, head: this.#head };
  }

  get isFull(): boolean {
    return this.#over(1);
  }

  get isOverfull(): boolean {
    return this.#over(OVERFULL_FACTOR);
  }

  get isEmpty(): boolean {
    return this.#held.length === 0 && this.#gathering === undefined;
  }

  /** So much that it should go out before more comes: then the window does not fill while it is on its way. */
  get hasGatheredMuch(): boolean {
    const { count = 0, bytes = 0 } = this.#gathering ?? {};
    return count >= WINDOW_EVENTS / 2 || bytes >= WINDOW_BYTES / 8;
  }

  /** How long the oldest event has waited: tells a trail that hangs from one that is busy. */
  oldestAgeMs(): number {
    const [oldest] = this.#held;
    return oldest === undefined ? 0 : this.#nowMs() - oldest.sealedMs;
  }

  /** A request is asked. It is sealed with those around it, at the latest when it is taken. */
  ask(request: number, decided: Decided, text: Uint8Array): void {
    if (this.#gathering?.hasRoomFor(decided, text.length) === false) this.sealGathered();
    const gathering = this.#gather();
    const bytesBefore = gathering.bytes;
    gathering.ask({ request, atMs: this.#nowMs() }, decided, text);
    this.bytes += gathering.bytes - bytesBefore;
    this.#breakIfOver();
  }

  /** What came of one that was asked, now or in an event that has been sealed already. */
  answer(request: number, counts: Omit<Result, "atMs">): void {
    const result = { atMs: this.#nowMs(), ...counts };
    let gathering = this.#gather();
    let bytesBefore = gathering.bytes;
    if (!gathering.answer(request, result)) {
      this.sealGathered();
      gathering = this.#gather();
      bytesBefore = gathering.bytes;
      gathering.answer(request, result);
    }
    this.bytes += gathering.bytes - bytesBefore;
    this.#breakIfOver();
  }

  /** Seals what has been asked and answered; the number of the last event. */
  sealGathered(): number {
    const gathering = this.#gathering;
    if (gathering === undefined) return this.#seq - 1;
    this.#gathering = undefined;
    this.bytes -= gathering.bytes;
    const { body, payload } = gathering.gathered();
    return this.#seal(body, payload, gathering.count);
  }

  seal(body: SingleBody): number {
    this.sealGathered();
    const seq = this.#seal(body, undefined, 1);
    if (kindRow(body.kind)?.ends === true) {
      this.ended = refusal("TRAIL_BROKEN");
      this.digester.wipe();
    }
    this.#breakIfOver();
    return seq;
  }

  /** A request that there is no room to record. The next event tells how many there were. */
  passOver(): void {
    this.sealGathered();
    this.#unrecorded += 1;
  }

  #seal(body: EventBody, payload: Uint8Array | undefined, weight: number): number {
    const { session } = this;
    const unrecorded = this.#unrecorded;
    const seq = this.#seq;
    const atMs = this.#nowMs();
    const place = { v: EVENT_VERSION, session, seq, atMs, ...(unrecorded === 0 ? {} : { unrecorded }) };
    // The body is one member of the union without its place; with it, it is that member again.
    this.#hold({ ...place, ...body } as AuditEvent, payload, { sealedMs: atMs, weight });
    this.#unrecorded = 0;
    return seq;
  }

  #gather(): Gathering {
    return (this.#gathering ??= new Gathering(this.digester));
  }

  #breakIfOver(): void {
    if (this.#over(BREAKING_FACTOR)) this.breakOff(refusal("LIMIT_GATEWAY"));
  }

  /** Events that are not on their way yet, as many as fit; they are on their way from now on. */
  take(eventsMax: number, bytesMax: number): readonly SealedEvent[] {
    if (this.rewind || this.isHeldBack) return [];
    this.sealGathered();
    const taken: SealedEvent[] = [];
    let bytes = 0;
    while (taken.length < eventsMax) {
      const event = this.#held[this.sent]?.event;
      if (event === undefined || (bytes > 0 && bytes + eventBytes(event) > bytesMax)) break;
      taken.push(event);
      bytes += eventBytes(event);
      this.sent += 1;
    }
    return taken;
  }

  get hasUnsent(): boolean {
    return (
      !this.rewind && !this.isHeldBack && (this.sent < this.#held.length || this.#gathering !== undefined)
    );
  }

  /** Everything up to there is durable. `sentUpTo`: the last event of the batch that is answered. */
  acknowledge(seq: number, sentUpTo: number): void {
    const wasFull = this.isFull;
    while (this.#held[0] !== undefined && this.#held[0].event.seq <= seq) {
      const { event, weight } = this.#held[0];
      this.#held.shift();
      this.#weight -= weight;
      this.bytes -= eventBytes(event);
      this.#stored = { log: this.#log, seq: event.seq, head: event.hash };
      this.sent = Math.max(0, this.sent - 1);
    }
    // It may be long before there is another event: what is at rest keeps nothing but its own bytes.
    if (this.#held.length === 0)
      this.#stored = { ...this.#stored, head: (this.#head = ownBytes(this.#head)) };
    this.#settle(({ seq: waitsFor }) => waitsFor <= seq, undefined);
    const [first] = this.#held;
    if (seq < sentUpTo && first !== undefined && first.event.seq <= sentUpTo) {
      // The broker asks for what was acknowledged and let go: its trail has lost it.
      if (seq + 1 < first.event.seq) return this.breakOff(refusal("TRAIL_BROKEN"));
      this.rewind = true;
    }
    if (wasFull && !this.isFull) this.roomAgain();
  }

  /** All that is not acknowledged goes out again. */
  startOver(): void {
    this.rewind = false;
    this.sent = 0;
  }

  /** Goes on in another log, as soon as nothing is on its way to the last one any more. `from`: whose that was. */
  goOn(from: string, destination: Destination): void {
    this.#log ??= from;
    if (this.#stored.log === undefined) this.#stored = { ...this.#stored, log: from };
    this.#destination = destination;
    this.arriveIfReady();
  }

  /** To be called whenever a batch has come back. */
  arriveIfReady(): void {
    const destination = this.#destination;
    if (destination === undefined || this.inFlight > 0) return;
    this.#destination = undefined;
    this.sealGathered();
    this.isHeldBack = false;
    this.#log = destination.log;
    this.digester.wipe();
    this.digester = destination.digester;
    const isOver = this.ended !== undefined && this.isEmpty;
    if (!isOver) this.#sealAnew();
  }

  /**
   * What is not known to be stored is sealed again behind the event that says where the session comes from: the new log begins
   * with it. That the last log may have stored some of it is what this event allows for.
   */
  #sealAnew(): void {
    const held = this.#held;
    const { log, seq, head } = this.#stored;
    const places = new Map<number, number>();
    this.#letGo();
    this.#seq = seq + 1;
    this.#head = head;
    const atMs = this.#nowMs();
    if (seq >= 0) {
      const place = { v: EVENT_VERSION, session: this.session, seq: this.#seq, atMs } as const;
      const chainHead = Buffer.from(head).toString("hex");
      const moved = { ...place, kind: "session.moved", log: log ?? "", lastSeq: seq, chainHead } as const;
      this.#hold(moved, undefined, { sealedMs: atMs, weight: 1 });
    }
    for (const { event, sealedMs, weight } of held) {
      const body = parseLeaf(event.leaf) as AuditEvent | undefined;
      // Of an earlier move that did not come to anything.
      if (body === undefined || body.kind === "session.moved") continue;
      places.set(event.seq, this.#seq);
      const moved = { ...withDigestsOf(this.digester, body, event.payload), seq: this.#seq };
      this.#hold(moved, event.payload, { sealedMs, weight });
    }
    for (const waiter of this.#waiters) waiter.seq = places.get(waiter.seq) ?? waiter.seq;
  }

  #hold(event: AuditEvent, payload: Uint8Array | undefined, how: Omit<Held, "event">): void {
    const { session } = this;
    const { seq } = event;
    const leaf = leafBytes(event);
    const previous = this.#head;
    const hash = chainHash(previous, seq, leaf);
    const sealed = { session, seq, previous, hash, leaf, ...(payload === undefined ? {} : { payload }) };
    this.#held.push({ event: sealed, ...how });
    this.#weight += how.weight;
    this.bytes += eventBytes(sealed);
    this.#head = hash;
    this.#seq += 1;
  }

  #letGo(): void {
    this.#held = [];
    this.#weight = 0;
    this.#gathering = undefined;
    this.bytes = 0;
    this.sent = 0;
    this.rewind = false;
  }

  /** The record takes nothing more, and what it did not take is given up. */
  breakOff(why: Refusal): void {
    const wasOpen = this.ended === undefined;
    this.ended = why;
    this.#letGo();
    this.#settle(() => true, why);
    this.roomAgain();
    if (wasOpen) this.#onBroken(why);
  }

  /** Undefined once everything up to the event is durable; a refusal when it is not in time. */
  acknowledged(seq: number, waitMs: number): Promise<Refusal | undefined> {
    const { promise, resolve } = Promise.withResolvers<Refusal | undefined>();
    const waiter: Waiter = {
      seq,
      settle: (answer) => {
        clearTimeout(timer);
        resolve(answer);
      },
    };
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      resolve(refusal("TRAIL_UNAVAILABLE"));
    }, waitMs);
    this.#waiters.push(waiter);
    return promise;
  }

  onRoom(listener: () => void): void {
    this.#room.push(listener);
  }

  nextRoom(): Promise<void> {
    this.#nextRoom ??= Promise.withResolvers<void>();
    return this.#nextRoom.promise;
  }

  roomAgain(): void {
    this.#nextRoom?.resolve();
    this.#nextRoom = undefined;
    for (const listener of this.#room) listener();
  }

  #settle(which: (waiter: Waiter) => boolean, answer: Refusal | undefined): void {
    const settled = this.#waiters.filter(which);
    this.#waiters = this.#waiters.filter((waiter) => !which(waiter));
    for (const waiter of settled) waiter.settle(answer);
  }

  #over(factor: number): boolean {
    const weight = this.#weight + (this.#gathering?.count ?? 0);
    return weight >= factor * WINDOW_EVENTS || this.bytes >= factor * WINDOW_BYTES;
  }
}
