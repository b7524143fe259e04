/**
 * What the trail says of a session. Leaves live forever, so they carry classes, relations, codes, counts and keyed
 * digests, and never text or values: those go into the session's erasable payload.
 */
import type { Outcome } from "../policy/decision.ts";
import type { Caller, ConnectionRef } from "../policy/facts.ts";
import type { RefusalCode } from "../values/refusal.ts";

export const EVENT_VERSION = 1;

interface Head<Kind extends string> {
  readonly v: typeof EVENT_VERSION;
  readonly kind: Kind;
  readonly session: string;
  readonly seq: number;
  readonly atMs: number;
  /** What was cut so that the leaf fits: path → list items, entries or characters (UTF-16) left out. */
  readonly omitted?: Readonly<Record<string, number>>;
  /** Requests refused with TRAIL_UNAVAILABLE since the event before, while there was no room to record each. */
  readonly unrecorded?: number;
}

export type SessionOpen = Head<"session.open"> & {
  readonly connection: ConnectionRef;
  readonly protocol: string;
  readonly listener: string;
  readonly caller: Caller;
  readonly planVersion: string;
  /** Protocol facts that are no data: requested database, client's application name. */
  readonly intent: Readonly<Record<string, string>>;
};

/** What a request leaves in the trail that follows from its statement and its decision alone: many requests share one. */
export interface Decided {
  readonly outcome: Outcome;
  readonly code: RefusalCode;
  /** `policy/rule@sha256:…` */
  readonly by?: string;
  readonly classes: readonly string[];
  /** `verb schema.relation` */
  readonly accesses: readonly string[];
  readonly doubts: readonly string[];
  readonly observed: readonly string[];
}

export interface Result {
  readonly atMs: number;
  /** `refused`: allowed, then not forwarded, because the request itself could not be put on record in time. */
  readonly ended: "complete" | "error" | "cancelled" | "limit" | "lost" | "refused";
  readonly rows: number;
  readonly bytes: number;
  readonly maskedValues: number;
  /** SQLSTATE or the protocol's own error code. */
  readonly errorCode?: string;
}

export interface AskedRequest {
  /** Counts the session's requests from 0; results refer to it. */
  readonly request: number;
  readonly atMs: number;
  /** Which of the event's `decided` holds for it. */
  readonly as: number;
  /** HMAC-SHA-256 of the text under the session's key, hex. */
  readonly textDigest: string;
  readonly textBytes: number;
  /** Absent: it was not known yet when the event was sealed, and stands among the `results` of a later one. */
  readonly result?: Result;
}

/**
 * What a session has asked and what came of it since its event before. One that had to be durable before it left is the last of
 * its event; permitted reads gather until they are sent.
 */
export type RequestsEvent = Head<"requests"> & {
  readonly decided: readonly Decided[];
  /** In the order they were asked. */
  readonly requests: readonly AskedRequest[];
  /** Of requests that stand in earlier events. */
  readonly results: readonly (Result & { readonly request: number })[];
};

export type CredentialEvent = Head<"credential"> & {
  readonly action: "leased" | "proved" | "renewed" | "released" | "refused";
  readonly lease: string;
  readonly source: string;
};

/** The agent sent a static credential of its own: it is still out there, and somebody should take it back. */
export type SecretPresented = Head<"secret.presented"> & { readonly how: string; readonly listener: string };

/** Before it was known who it is. */
export type SessionRefused = Head<"session.refused"> & {
  readonly code: RefusalCode;
  readonly listener: string;
};

/** A connection out of a pod that leads to nothing its plan knows. Not a byte of it went out. */
export type DestinationRefused = Head<"destination.refused"> & {
  readonly code: RefusalCode;
  /** `namespace/name`, as the gateway was told it. */
  readonly pod: string;
  /** The name that was asked for, or the address where none was, with the port. */
  readonly destination: string;
};

export type SessionClose = Head<"session.close"> & {
  readonly code: RefusalCode | "CLIENT_CLOSED" | "UPSTREAM_CLOSED";
  readonly requests: number;
  readonly rows: number;
  readonly bytesFromClient: number;
  readonly bytesToClient: number;
  readonly maskedValues: number;
};

/**
 * The session goes on in this log, since its data plane has lost the broker that it was with. Whatever that one stored beyond
 * `lastSeq` without the data plane's knowing stands here again.
 */
export type SessionMoved = Head<"session.moved"> & {
  /** The broker whose log holds what was before. */
  readonly log: string;
  /** The last event that it is known to have stored, and its hash in hex: this event continues the chain from there. */
  readonly lastSeq: number;
  readonly chainHead: string;
};

/** Written by the broker for a session whose data plane is gone: a gap is a fact, never silence. */
export type SessionLost = Head<"session.lost"> & { readonly lastSeq: number };

/** Written by the broker when a data plane tells a different story of what is already on record. Ends the session. */
export type SessionFork = Head<"session.fork"> & {
  /** The sequence number that came twice, or did not continue what is stored. */
  readonly atSeq: number;
  readonly how: "other-hash" | "other-previous" | "broken-hash" | "broken-leaf";
};

/** The broker has signed a token that says that a pod may reach a Connection; the token itself is nowhere on record. */
export type GrantIssued = Head<"grant.issued"> & {
  /** The token's `jti`. */
  readonly grant: string;
  readonly connection: ConnectionRef;
  readonly caller: Caller;
  /** SHA-256 of the certificate that it is bound to, base64url. */
  readonly certificate: string;
  readonly untilMs: number;
  /** `policy/rule` */
  readonly by?: string;
};
/** One was asked for and refused. */
export type GrantRefused = Head<"grant.refused"> & {
  readonly code: RefusalCode;
  /** Whose certificate was shown. */
  readonly podUid: string;
  /** Of the token that was presented, once it was known to be good. */
  readonly credential?: string;
  readonly connection: ConnectionRef;
};

/** A person has ended sessions, by what the cluster lets them do. In the broker's own record; in the sessions' own stands REVOKED. */
export type SessionsKilled = Head<"sessions.killed"> & {
  /** As the API server knows them. */
  readonly by: string;
  readonly sessions: readonly string[];
};

/** A guardrail that takes everything from somebody is in force at this broker: new, or there already when it started. */
export type RevocationEnforced = Head<"revocation.enforced"> & {
  readonly guardrail: string;
  /** Who made it, and in what words, as the cluster's own policy held them to; of a host as the command said it. */
  readonly by: string;
  readonly because: string;
  readonly whom: string;
  /** Absent: for good. */
  readonly untilMs?: number;
};
export type RevocationEnded = Head<"revocation.ended"> & {
  readonly guardrail: string;
  readonly how: "expired" | "lifted";
  /** Who lifted it, of a host. In a cluster its API server's own log knows. */
  readonly by?: string;
};
/** Whom it reached here. In the sessions' own records stands the code with which they closed. */
export type SessionsRevoked = Head<"sessions.revoked"> & {
  readonly guardrail: string;
  readonly by: string;
  readonly because: string;
  readonly sessions: readonly string[];
};

/** The broker's own record is a session too: it opens with each start, so that gaps between starts can be seen. */
export type BrokerStart = Head<"broker.start"> & { readonly broker: string; readonly trail: string };
export type BrokerStop = Head<"broker.stop">;

/** Found at start: bytes of the trail that cannot be read, or that were never acknowledged and were set aside. */
export type TrailDamaged = Head<"trail.damaged"> & {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  readonly what: "torn-tail" | "corrupt" | "missing";
};

export type AuditEvent =
  | SessionOpen
  | SessionRefused
  | DestinationRefused
  | RequestsEvent
  | CredentialEvent
  | SecretPresented
  | SessionClose
  | SessionMoved
  | SessionLost
  | SessionFork
  | GrantIssued
  | GrantRefused
  | SessionsKilled
  | RevocationEnforced
  | RevocationEnded
  | SessionsRevoked
  | BrokerStart
  | BrokerStop
  | TrailDamaged;

type BodyOf<Event> = Event extends AuditEvent ? Omit<Event, Exclude<keyof Head<string>, "kind">> : never;
/** An event before it has its place in a session: what happened, without who wrote it down and when. */
export type EventBody = BodyOf<AuditEvent>;
/** What stands for itself; requests and results gather until they are sealed. */
export type SingleBody = Exclude<EventBody, { readonly kind: "requests" }>;
