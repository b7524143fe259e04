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

/** One request and what was decided of it. */
export type RequestEvent = Head<"request"> & {
  /** Counts the session's requests from 0; results refer to it. */
  readonly request: number;
  readonly outcome: Outcome;
  readonly code: RefusalCode;
  /** `policy/rule@sha256:…` */
  readonly by?: string;
  readonly classes: readonly string[];
  /** `verb schema.relation` */
  readonly accesses: readonly string[];
  readonly doubts: readonly string[];
  readonly observed: readonly string[];
  /** HMAC-SHA-256 of the text under the session's key, hex. */
  readonly textDigest: string;
  readonly textBytes: number;
};

export type ResultEvent = Head<"result"> & {
  readonly request: number;
  readonly ended: "complete" | "error" | "cancelled" | "limit" | "lost";
  readonly rows: number;
  readonly bytes: number;
  readonly maskedValues: number;
  /** SQLSTATE or the protocol's own error code. */
  readonly errorCode?: string;
};

export type CredentialEvent = Head<"credential"> & {
  readonly action: "leased" | "proved" | "renewed" | "released" | "refused";
  readonly lease: string;
  readonly source: string;
};

/** The agent sent a static credential of its own: it is still out there, and somebody should take it back. */
export type SecretPresented = Head<"secret.presented"> & { readonly how: string };

export type SessionRefused = Head<"session.refused"> & { readonly code: RefusalCode };

export type SessionClose = Head<"session.close"> & {
  readonly code: RefusalCode | "CLIENT_CLOSED" | "UPSTREAM_CLOSED";
  readonly requests: number;
  readonly rows: number;
  readonly bytesFromClient: number;
  readonly bytesToClient: number;
  readonly maskedValues: number;
};

/** Written by the broker for a session whose data plane is gone: a gap is a fact, never silence. */
export type SessionLost = Head<"session.lost"> & { readonly lastSeq: number };

export type AuditEvent =
  | SessionOpen
  | SessionRefused
  | RequestEvent
  | ResultEvent
  | CredentialEvent
  | SecretPresented
  | SessionClose
  | SessionLost;
