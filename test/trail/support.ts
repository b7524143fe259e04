/** Data planes and trails for tests: sessions that seal their own events, and a reader of what is stored. */
import { randomBytes } from "node:crypto";
import { chainHash, chainSeed } from "#core/audit/chain.ts";
import {
  type AskedRequest,
  type AuditEvent,
  type Decided,
  EVENT_VERSION,
  type EventBody,
  type SingleBody,
} from "#core/audit/event.ts";
import { leafBytes } from "#core/audit/leaf.ts";
import { SESSION_BYTES, newSessionId, sessionBytes } from "#core/port/ids.ts";
import type { AppendAnswer, SealedEvent, SessionId } from "#core/port/port.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import type { Disk } from "#broker/trail/disk.ts";
import { openTrail } from "#broker/trail/file-trail.ts";
import { directoryKeyring } from "#broker/trail/keyring.ts";
import type { Trail, TrailOptions } from "#broker/trail/trail.ts";
import type { RecordedRequest } from "#sidecar/uplink/recorder.ts";

export const never: AbortSignal = new AbortController().signal;

export function newSession(): SessionId {
  return newSessionId(randomBytes(SESSION_BYTES));
}

export const opening: Extract<SingleBody, { kind: "session.open" }> = {
  kind: "session.open",
  connection: { namespace: "prod", name: "orders" },
  protocol: "postgres",
  listener: "local",
  caller: { identity: { serviceAccount: { namespace: "agents", name: "reporter" } }, ancestors: [] },
  planVersion: "1",
  intent: { database: "orders" },
};

type RequestBody = Extract<EventBody, { kind: "requests" }>;

const decided: Decided = {
  outcome: "allow",
  code: "ALLOWED",
  classes: ["read"],
  accesses: ["read public.orders"],
  doubts: [],
  observed: [],
};

/** An event of one request. */
export function request(number: number, more: Partial<Decided & AskedRequest> = {}): RequestBody {
  const { request: _, as: __, atMs, textDigest, textBytes, result, ...rest } = more as Partial<AskedRequest>;
  const asked: AskedRequest = {
    request: number,
    as: 0,
    atMs: atMs ?? 1_700_000_000_000,
    textDigest: textDigest ?? "00".repeat(32),
    textBytes: textBytes ?? 24,
    ...(result === undefined ? {} : { result }),
  };
  return { kind: "requests", decided: [{ ...decided, ...rest }], requests: [asked], results: [] };
}

/** One as a recorder takes it. */
export function asking(number: number, text = `select ${number}`): RecordedRequest {
  return { number, decided, text: Buffer.from(text) };
}

export const closing: SingleBody = {
  kind: "session.close",
  code: "CLIENT_CLOSED",
  requests: 1,
  rows: 1,
  bytesFromClient: 10,
  bytesToClient: 10,
  maskedValues: 0,
};

/** A session's chain as a data plane keeps it. */
export class Chain {
  readonly session: SessionId;
  head: Uint8Array;
  seq = 0;

  constructor(session: SessionId = newSession()) {
    this.session = session;
    this.head = chainSeed(sessionBytes(session));
  }

  seal(body: EventBody, payload?: Uint8Array): SealedEvent {
    const event = {
      v: EVENT_VERSION,
      session: this.session,
      seq: this.seq,
      atMs: 1_700_000_000_000,
      ...body,
    };
    const leaf = leafBytes(event as AuditEvent);
    const previous = this.head;
    const hash = chainHash(previous, this.seq, leaf);
    const sealed = { session: this.session, seq: this.seq, previous, hash, leaf };
    this.head = hash;
    this.seq += 1;
    return payload === undefined ? sealed : { ...sealed, payload };
  }
}

export async function trailOn(
  disk: Disk,
  directory: string,
  more: Partial<TrailOptions> = {},
): Promise<Trail & { readonly notes: string[] }> {
  const notes: string[] = [];
  const trail = await openTrail({
    directory: `${directory}/trail`,
    keyring: directoryKeyring(disk, `${directory}/keys`),
    disk,
    broker: "test",
    nowMs: () => 1_700_000_000_000,
    note: (name) => notes.push(name),
    ...more,
  });
  return Object.assign(trail, { notes });
}

export function acknowledgedSeq(answer: readonly AppendAnswer[] | Refusal, session: SessionId): number {
  if (!Array.isArray(answer)) throw new Error(`refused: ${isRefusal(answer) ? answer.code : ""}`);
  const mine = (answer as readonly AppendAnswer[]).find((entry) => entry.session === session);
  if (mine === undefined || "refusal" in mine) throw new Error("the session was not acknowledged");
  return mine.seq;
}
