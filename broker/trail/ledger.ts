/**
 * What the trail knows of each session, and whether an event continues it. Pure: an admission collects what a group would
 * change, and only a group that became durable is applied.
 */
import { timingSafeEqual } from "node:crypto";
import { chainHash, chainSeed } from "#core/audit/chain.ts";
import { arrivalOf } from "#core/audit/arrival.ts";
import type { AuditEvent, EventBody, SessionFork } from "#core/audit/event.ts";
import { EVENT_VERSION } from "#core/audit/event.ts";
import { kindRow } from "#core/audit/kinds.ts";
import { type LeafHead, leafBytes, leafHead } from "#core/audit/leaf.ts";
import { sessionBytes } from "#core/port/ids.ts";
import type { SealedEvent, SessionId } from "#core/port/port.ts";
import { ownBytes } from "#core/values/own-bytes.ts";
import { RecentHashes } from "./recent-hashes.ts";

export interface SessionState {
  /** The last event's; -1 before the first. */
  readonly seq: number;
  readonly head: Uint8Array;
  readonly ended: boolean;
}

/** Hashes of this many last events are kept, twice what a data plane may hold unacknowledged. */
const RECENT_HASHES_MAX = 512;
/** Sessions that have ended are remembered for their late repetitions. */
const ENDED_MAX = 32_768;

export interface NewLeaf {
  readonly session: SessionId;
  readonly seq: number;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
  readonly leaf: Uint8Array;
  readonly ends: boolean;
}

export type Verdict =
  | { readonly kind: "new"; readonly leaf: NewLeaf }
  /** Stored already, or there is something missing in front of it: the session's place says which. */
  | { readonly kind: "stands" }
  | { readonly kind: "ended" }
  | { readonly kind: "fork"; readonly how: SessionFork["how"] };

interface Kept {
  readonly state: SessionState;
  readonly recent: RecentHashes;
}

interface Admitted {
  readonly state: SessionState;
  /** Of its events in this group, and of none before them. */
  readonly hashes: Uint8Array[];
}

const NOTHING_ADMITTED: Admitted = { state: { seq: -1, head: new Uint8Array(), ended: false }, hashes: [] };

/** What a group that is not durable yet would change. */
export class Admission {
  readonly leaves: NewLeaf[] = [];
  readonly #states = new Map<SessionId, Admitted>();
  readonly #ledger: Ledger;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  state(session: SessionId): SessionState {
    return this.#states.get(session)?.state ?? this.#ledger.state(session);
  }

  /** Judges the event of a data plane, and takes it when it continues its session. */
  take(event: SealedEvent): Verdict {
    const state = this.state(event.session);
    if (this.#arrives(event, state))
      return { kind: "new", leaf: this.#add(leafOf(event, leafHead(event.leaf)), true) };
    if (event.seq <= state.seq) return this.#repeated(event, state);
    if (state.ended) return { kind: "ended" };
    if (event.seq > state.seq + 1) return { kind: "stands" };
    const head = leafHead(event.leaf);
    const how = flaw(event, state.head, head);
    if (how !== undefined) return { kind: "fork", how };
    return { kind: "new", leaf: this.#add(leafOf(event, head)) };
  }

  /**
   * Whether a session comes from another broker's log, or back from it. It goes on from where it says, wherever this log had
   * left off: what its data plane was never told of as stored stands in the other one.
   */
  #arrives(event: SealedEvent, state: SessionState): boolean {
    const isNext = event.seq === state.seq + 1 && same(event.previous, state.head);
    if (isNext || state.ended || arrivalOf(event) === undefined) return false;
    const stored = this.#stored(event);
    if (stored !== undefined && same(stored, event.hash)) return false;
    return isSealed(event) && leafHead(event.leaf)?.session === event.session;
  }

  /** The broker's own word, as the next event of a session that has not ended. */
  say(session: SessionId, body: EventBody, atMs: number): NewLeaf {
    const { seq: last, head: previous } = this.state(session);
    const seq = last + 1;
    // The body is one member of the union without its place; with it, it is that member again.
    const event = { v: EVENT_VERSION, session, seq, atMs, ...body } as AuditEvent;
    const leaf = leafBytes(event);
    const hash = chainHash(previous, seq, leaf);
    return this.#add({ session, seq, previous, hash, leaf, ends: kindRow(body.kind)?.ends ?? false });
  }

  #add(leaf: NewLeaf, arrives = false): NewLeaf {
    this.leaves.push(leaf);
    const hashes = arrives ? [] : (this.#states.get(leaf.session)?.hashes ?? []);
    hashes.push(leaf.hash);
    this.#states.set(leaf.session, { state: stateAfter(leaf), hashes });
    return leaf;
  }

  /**
   * What comes again has to be what is stored. Further back than is remembered it is taken for that: a sender with
   * another story cannot go on from it, because its next event would have to follow the stored head.
   */
  #repeated(event: SealedEvent, state: SessionState): Verdict {
    const stored = this.#stored(event);
    if (stored === undefined || (same(stored, event.hash) && isSealed(event))) return { kind: "stands" };
    return state.ended ? { kind: "ended" } : { kind: "fork", how: "other-hash" };
  }

  #stored({ session, seq }: SealedEvent): Uint8Array | undefined {
    const { state, hashes } = this.#states.get(session) ?? NOTHING_ADMITTED;
    return hashes[hashes.length - 1 - (state.seq - seq)] ?? this.#ledger.hash(session, seq);
  }
}

function leafOf({ session, seq, previous, hash, leaf }: SealedEvent, head: LeafHead | undefined): NewLeaf {
  return { session, seq, previous, hash, leaf, ends: kindRow(head?.kind ?? "")?.ends ?? false };
}

export class Ledger {
  readonly #open = new Map<SessionId, Kept>();
  /** In the order of their ends. */
  readonly #ended = new Map<SessionId, Kept>();

  state(session: SessionId): SessionState {
    return this.#kept(session)?.state ?? { seq: -1, head: chainSeed(sessionBytes(session)), ended: false };
  }

  /** The hash of a stored event; undefined when it is not stored or too long ago. */
  hash(session: SessionId, seq: number): Uint8Array | undefined {
    const kept = this.#kept(session);
    return kept?.recent.at(kept.state.seq - seq);
  }

  unfinished(): readonly SessionId[] {
    return [...this.#open.keys()];
  }

  /** Everyone a new segment has to know of, sessions that ended lately last. */
  states(): (SessionState & { readonly session: SessionId })[] {
    return [...this.#open, ...this.#ended].map(([session, { state }]) => ({ session, ...state }));
  }

  /** Takes what has become durable. After damage there may be a gap in front of it: then only this hash is known. */
  apply(leaf: Pick<NewLeaf, "session" | "seq" | "hash" | "ends">): void {
    const kept = this.#kept(leaf.session);
    const follows = kept !== undefined && kept.state.seq === leaf.seq - 1;
    // Of a session that has ended the last one will do: nothing can go on from a story that is told of those before.
    const recent = follows && !leaf.ends ? kept.recent : new RecentHashes(RECENT_HASHES_MAX);
    recent.push(leaf.hash);
    // A copy: the event's own bytes are a view of the whole frame it came in.
    this.#keep(leaf.session, { state: { ...stateAfter(leaf), head: ownBytes(leaf.hash) }, recent });
  }

  /** From a segment's snapshot: of the hashes only the last is known. */
  restore(session: SessionId, state: SessionState): void {
    if (this.#kept(session) !== undefined) return;
    const recent = new RecentHashes(RECENT_HASHES_MAX);
    recent.push(state.head);
    this.#keep(session, { state: { ...state, head: ownBytes(state.head) }, recent });
  }

  #kept(session: SessionId): Kept | undefined {
    return this.#open.get(session) ?? this.#ended.get(session);
  }

  #keep(session: SessionId, kept: Kept): void {
    this.#open.delete(session);
    this.#ended.delete(session);
    (kept.state.ended ? this.#ended : this.#open).set(session, kept);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function stateAfter(leaf: Pick<NewLeaf, "seq" | "hash" | "ends">): SessionState {
  return { seq: leaf.seq, head: leaf.hash, ended: leaf.ends };
}

/** Why the event cannot follow the head. */
function flaw(
  event: SealedEvent,
  head: Uint8Array,
  leaf: LeafHead | undefined,
): SessionFork["how"] | undefined {
  if (!same(event.previous, head)) return "other-previous";
  if (!isSealed(event)) return "broken-hash";
  const row = kindRow(leaf?.kind ?? "");
  if (leaf === undefined || row === undefined || row.author !== "dataPlane") return "broken-leaf";
  if (leaf.session !== event.session || leaf.seq !== event.seq) return "broken-leaf";
  return event.seq === 0 && !row.opens ? "broken-leaf" : undefined;
}

function isSealed(event: SealedEvent): boolean {
  return same(chainHash(event.previous, event.seq, event.leaf), event.hash);
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && timingSafeEqual(left, right);
}
