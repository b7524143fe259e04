/**
 * The broker port: the one seam between data plane and control plane. The broker implements it; the data plane holds
 * something that implements it and cannot tell whether a unix socket, mutual TLS or a function call lies between.
 *
 * Every operation may be repeated: what has an id is idempotent by that id.
 */
import type { PolicySource } from "../api/loaded.ts";
import type { Connection, ProtocolName } from "../api/kinds.gen.ts";
import type { Caller, ConnectionRef } from "../policy/facts.ts";
import type { Refusal, RefusalCode } from "../values/refusal.ts";

/** The versions that this build speaks, newest first: running data planes outlive upgrades of the broker. */
export const PORT_VERSIONS = [1] as const;

/** Random, 128 bits, base64url. Made by the data plane, never used twice. */
export type SessionId = string;
export type LeaseId = string;

export interface Hello {
  readonly versions: readonly number[];
  /** Names this data plane process in `status`, logs and metrics. */
  readonly worker: string;
  /**
   * Random, the same for as long as the process runs. A process that was started again under its name carries nothing on:
   * the sessions of the run before it are lost.
   */
  readonly run: string;
}
export interface Welcome {
  readonly version: number;
  readonly broker: string;
  /** Random, the same for as long as the broker's process runs. One that was started again knows no session of the run before it. */
  readonly run?: string;
}

export type Evidence =
  /** Whoever can open the listener's socket is its subject: the broker knows the token that stands for it. */
  | { readonly kind: "ambient" }
  /** A token that the client presented. The receiver wipes the bytes. */
  | { readonly kind: "token"; readonly token: Uint8Array };

export interface IdentifyRequest {
  readonly session: SessionId;
  /** The listener's name, which tells the broker which identity it stands for. */
  readonly listener: string;
  readonly evidence: Evidence;
}
export interface SessionGrant {
  readonly caller: Caller;
  /** Key of this session's digests. The broker keeps it in the erasable payload. */
  readonly digestKey: Uint8Array;
  /** A credential may be asked for until then. A session that has one goes on for as long as its lease is renewed. */
  readonly expiresMs: number;
}

export interface ExchangeRequest {
  readonly session: SessionId;
  readonly connection: ConnectionRef;
  /** From the session's obligations; the broker counts over all data planes. */
  readonly concurrentSessionsMax?: number;
  /** As whom the upstream knows the session already: it goes on from a broker that it cannot ask any more. */
  readonly user?: string;
}
export interface LeaseGrant {
  readonly lease: LeaseId;
  /** Who the upstream is told we are. */
  readonly user: string;
  readonly expiresMs: number;
}

/**
 * What the upstream asked, in the words of its mechanism. The secret itself never comes to the data plane, but for
 * `cleartext` and `bearer`. Whatever is weaker than SCRAM the broker answers only where the Connection says so.
 */
export type Challenge =
  | {
      readonly kind: "scram-sha-256";
      readonly clientFirstBare: string;
      readonly serverFirst: string;
      /** The GS2 header and, for -PLUS, the channel binding data: what `c=` encodes. */
      readonly channelBinding: Uint8Array;
    }
  | { readonly kind: "md5"; readonly user: string; readonly salt: Uint8Array }
  /** Asked only of an upstream that TLS has shown to be the right one. */
  | { readonly kind: "cleartext" }
  /** The same, of one that takes whoever bears a token for the one that it was made for. */
  | { readonly kind: "bearer" };
export type Proof =
  | {
      readonly kind: "scram-sha-256";
      readonly clientFinal: string;
      /** What the upstream must answer to prove that it knows the verifier. */
      readonly serverSignature: Uint8Array;
    }
  | { readonly kind: "md5"; readonly response: Uint8Array }
  /** The receiver wipes the bytes. */
  | { readonly kind: "cleartext"; readonly password: Uint8Array }
  /** Likewise. Good until then, where that is known; another one is asked for in time. */
  | { readonly kind: "bearer"; readonly token: Uint8Array; readonly expiresMs?: number };

/** One event of a session, sealed into its chain by the data plane. */
export interface SealedEvent {
  readonly session: SessionId;
  /** From 0, without a gap. */
  readonly seq: number;
  /** The chain's head before and after this event. */
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
  readonly leaf: Uint8Array;
  /** What belongs in the erasable payload: the statement's text. */
  readonly payload?: Uint8Array;
}
export interface Acknowledged {
  readonly session: SessionId;
  /** Everything up to here is durable; -1 when nothing is. Less than what was sent: send again from there on. */
  readonly seq: number;
}
/** This session's record takes nothing more (TRAIL_BROKEN), and the session has to end. Others go on. */
export interface RecordBroken {
  readonly session: SessionId;
  readonly refusal: Refusal;
}
export type AppendAnswer = Acknowledged | RecordBroken;

/** A Connection as the data plane sees it: where to go and whom to trust; of the credential only whether there is one. */
export interface ConnectionView {
  readonly metadata: Connection["metadata"];
  readonly spec: Pick<Connection["spec"], "protocol" | "address" | "reachedAs" | "trail" | ProtocolName> & {
    /** The upstream asks for none. */
    readonly credential?: "none";
    readonly tls: {
      readonly mode: "verify-full" | "verify-ca" | "disable";
      readonly serverName?: string;
      /** PEM; absent: the system's roots. */
      readonly caPem?: string;
    };
  };
}

/** What policy is made from, for one data plane. The same version is the same content. */
export interface PlanPush {
  readonly kind: "plan";
  readonly version: string;
  readonly connections: readonly ConnectionView[];
  readonly policies: readonly PolicySource[];
}
export interface RevokedPush {
  readonly kind: "revoked";
  readonly session: SessionId;
  readonly refusal: Refusal;
}
export type Push = PlanPush | RevokedPush;

export interface SessionReport {
  readonly session: SessionId;
  readonly connection: ConnectionRef;
  readonly caller: string;
  readonly sinceMs: number;
  readonly statements: number;
  readonly rows: number;
}
/** Something that was refused lately, so that whoever keeps the pod can see what it lacks. */
export interface RefusedReport {
  /** A Connection, or where a client wanted to go. */
  readonly about: string;
  readonly code: RefusalCode;
  readonly count: number;
  /** The last time. */
  readonly atMs: number;
}
export interface Report {
  readonly worker: string;
  readonly planVersion: string;
  readonly sessions: readonly SessionReport[];
  /** Of data planes that stand beside one agent; newest first. */
  readonly refused?: readonly RefusedReport[];
}

export interface BrokerPort {
  hello(hello: Hello, signal: AbortSignal): Promise<Welcome | Refusal>;
  identify(request: IdentifyRequest, signal: AbortSignal): Promise<SessionGrant | Refusal>;
  exchange(request: ExchangeRequest, signal: AbortSignal): Promise<LeaseGrant | Refusal>;
  renew(lease: LeaseId, signal: AbortSignal): Promise<LeaseGrant | Refusal>;
  release(lease: LeaseId, signal: AbortSignal): Promise<void>;
  prove(lease: LeaseId, challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal>;
  /** Holds a request until people have answered. Until approvals exist the answer is ASK_NOT_AVAILABLE. */
  hold(session: SessionId, question: string, signal: AbortSignal): Promise<"approved" | Refusal>;
  /**
   * Resolves when what the answers acknowledge is durable: one answer for each session of the batch. A refusal means that
   * nothing of the batch is known to be stored; send it again, it is idempotent by session, sequence number and hash.
   */
  append(batch: readonly SealedEvent[], signal: AbortSignal): Promise<readonly AppendAnswer[] | Refusal>;
  /** The current plan at once, then everything that changes. Ends with the signal. */
  subscribe(listener: (push: Push) => void, signal: AbortSignal): void;
  applied(worker: string, planVersion: string): void;
  report(report: Report): void;
}
