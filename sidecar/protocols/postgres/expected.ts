/**
 * What the upstream still owes an answer to, in the order in which it was asked. Every answer is matched with the
 * message that asked for it; one that matches nothing means that the two sides disagree, and the session ends.
 */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { ResultCounts } from "../protocol.ts";
import type { NameChange, Portal, Statement } from "./names.ts";
import type { RowMask } from "./rows.ts";
import type { Traits } from "./traits.ts";

export type Asked = "query" | "parse" | "bind" | "describe" | "execute" | "close" | "sync";

export interface Slot {
  asked: Asked;
  /** Counts all slots of the session. */
  serial: number;
  /** Of our own making: its answers do not reach the client. */
  own: boolean;
  /** Own, but its ReadyForQuery is the one that the client waits for. */
  passesReady: boolean;
  /** Own, and nothing but a marker: its error is what it is for. */
  isMarker: boolean;
  /** Own, but an error in its group is the answer that the client waits for. */
  standsIn: boolean;
  facts: PostgresRequest | undefined;
  traits: Traits | undefined;
  statement: Statement | undefined;
  /** Number of a request that is on record; -1: none. */
  request: number;
  /** A marker stands in the request's place: its error becomes this refusal. */
  refusal: Refusal | undefined;
  /** It is being stopped: nothing more of its result passes, and its end becomes this refusal. */
  stop: Refusal | undefined;
  /** How a stopped one is written down. */
  ended: ResultCounts["ended"] | undefined;
  /** An error has answered it. */
  failed: boolean;
  /** The answers that ended a statement of it. */
  completed: number;
  /** It makes what is known of names and search path uncertain until it has ended. */
  moves: boolean;
  /** The RowDescription of the result under way. */
  description: Buffer | undefined;
  mask: RowMask | undefined;
  /** `mask` was found for the obligations in force. */
  masked: boolean;
  rows: number;
  bytes: number;
  maskedValues: number;
  /** The name that its message sets or drops. */
  names: NameChange | undefined;
  /** What it begins to execute. */
  starts: Portal | undefined;
  /** The names that its text defines. */
  defines: readonly NameChange[] | undefined;
}

export const SLOTS_MAX = 4096;

/** So many places are kept for a session that asks nothing. */
const PLACES_KEPT = 64;

export class Expected {
  #slots: (Slot | undefined)[] = [];
  /** Indexes of the oldest, and behind the newest. What stands before is moved away when it has become long. */
  #first = 0;
  #end = 0;
  #pushed = 0;
  #readies = 0;

  get length(): number {
    return this.#end - this.#first;
  }

  get head(): Slot | undefined {
    return this.#slots[this.#first];
  }

  /** Answers owed that end with ReadyForQuery. */
  get readies(): number {
    return this.#readies;
  }

  at(index: number): Slot | undefined {
    return this.#slots[this.#first + index];
  }

  /** Whether that slot has been answered to its end. */
  isDone(serial: number): boolean {
    return serial < this.#pushed - this.length;
  }

  push(asked: Asked): Slot {
    const slot = slotOf(asked, this.#pushed);
    if (isReadied(slot)) this.#readies += 1;
    this.#pushed += 1;
    this.#slots[this.#end] = slot;
    this.#end += 1;
    return slot;
  }

  /** The oldest was answered to its end. */
  pop(): void {
    const slot = this.#slots[this.#first];
    if (slot === undefined) throw new RangeError("nothing is expected");
    if (isReadied(slot)) this.#readies -= 1;
    this.#slots[this.#first] = undefined;
    this.#first += 1;
    if (this.#first === this.#end) {
      if (this.#slots.length > PLACES_KEPT) this.#slots = [];
      this.#first = 0;
      this.#end = 0;
    } else if (this.#first >= PLACES_KEPT) {
      this.#slots.splice(0, this.#first);
      this.#end -= this.#first;
      this.#first = 0;
    }
  }
}

const isReadied = ({ asked }: Slot): boolean => asked === "sync" || asked === "query";

function slotOf(asked: Asked, serial: number): Slot {
  return {
    asked,
    serial,
    own: false,
    passesReady: false,
    isMarker: false,
    standsIn: false,
    facts: undefined,
    traits: undefined,
    statement: undefined,
    request: -1,
    refusal: undefined,
    stop: undefined,
    ended: undefined,
    failed: false,
    completed: 0,
    moves: false,
    description: undefined,
    mask: undefined,
    masked: false,
    rows: 0,
    bytes: 0,
    maskedValues: 0,
    names: undefined,
    starts: undefined,
    defines: undefined,
  };
}
