/**
 * What the session runner asks of a protocol. A protocol speaks its wire and nothing else: it sees no policy, no trail
 * and no broker. The runner (`sidecar/gateway/session.ts`) is the only place that knows the order.
 */
import type { LookupFunction, Socket } from "node:net";
import type { SecureContext } from "node:tls";
import type { ConnectionView, Evidence, LeaseGrant, Challenge, Proof } from "#core/port/port.ts";
import type { Decision, Obligations } from "#core/policy/decision.ts";
import type { Request } from "#core/policy/facts.ts";
import type { Refusal } from "#core/values/refusal.ts";

/** How a listener wants its clients greeted. */
export interface GreetingSettings {
  readonly listener: string;
  readonly identity: "ambient" | "perClient";
  /** Offered to clients that ask for TLS; undefined: this listener has none. */
  readonly tls: SecureContext | undefined;
  /** Told of each step that the client has completed, so that it is waited for anew. Half a step is none. */
  readonly progressed: () => void;
  /** Where a CancelRequest goes: to the session that owns the key, in whichever worker. */
  readonly cancel: (key: Uint8Array) => void;
  /** A key for a new session that tells the receiver of a cancel which worker and session it belongs to. */
  readonly cancelKey: (lengthBytes: number) => Uint8Array;
}

/** A client whose intent is known and who waits for an answer. */
export interface Greeting {
  readonly evidence: Evidence;
  /** Facts for the trail that are no data: requested database, application name. */
  readonly intent: Readonly<Record<string, string>>;
  /** What is decided before anything is opened: may this session exist. */
  readonly request: Request;
  /** How the client presented a static credential of its own, if it did. */
  readonly presentedSecret: string | undefined;
  /** Tells the client in its protocol's words and ends the connection. */
  refuse(refusal: Refusal): Promise<void>;
  /** Why this Connection is not for what the client asks, where that can be told before it gets a credential. */
  unsuited?(connection: ConnectionView): Refusal | undefined;
  /** The client is who it says it is; nothing of the upstream is known yet. */
  welcome(): void;
  connect(target: UpstreamTarget, signal: AbortSignal): Promise<Session | Refusal>;
}

export interface UpstreamTarget {
  readonly connection: ConnectionView;
  readonly lease: LeaseGrant;
  readonly prove: (challenge: Challenge, signal: AbortSignal) => Promise<Proof | Refusal>;
  /** Marks the session for the upstream's administrators, as application_name does. */
  readonly sessionMark: string;
  /** How its host's name becomes an address; undefined: as this machine does it. */
  readonly lookup?: LookupFunction | undefined;
}

/** Client and upstream, both ready. */
export interface Session {
  /** Relays until one side ends, the tap says stop or the signal fires; always leaves both sockets closed. */
  relay(tap: Tap, signal: AbortSignal): Promise<RelayEnd>;
  /** Cancels what the upstream runs for this session, as the client would. */
  cancel(): void;
}

export interface RelayEnd {
  readonly by: "client" | "upstream" | "gateway";
  readonly refusal: Refusal | undefined;
}

export type Verdict =
  | { readonly pass: true; readonly request: number; readonly decision: Decision }
  | { readonly pass: false; readonly request: number; readonly refusal: Refusal };

export interface ResultCounts {
  readonly ended: "complete" | "error" | "cancelled" | "limit" | "lost";
  readonly rows: number;
  readonly bytes: number;
  readonly maskedValues: number;
  readonly errorCode?: string;
}

/** The session as its protocol sees it while relaying. */
export interface Tap {
  /**
   * Decides one request and puts it on record; nothing of it may be forwarded before. The answer is a value, not a
   * promise, whenever no one has to be waited for: the hot path does not yield.
   */
  decide(request: Request, text: Uint8Array): Verdict | Promise<Verdict>;
  /** Decides again, without a new record, something decided under an older plan: a prepared statement that is run. */
  recheck(request: Request): Decision;
  result(request: number, counts: ResultCounts): void;
  /** Adds to the session's totals; answers with a refusal when a limit is reached by it. */
  count(rows: number, bytes: number): Refusal | undefined;
  readonly obligations: Obligations;
  /** Whatever is asked passes, under the same rule and without a mask: what names mean is for the record only. */
  readonly passesAll: boolean;
  /** Called when obligations or decisions may have changed: look again at what is running. */
  onChange(listener: () => void): void;
  /** True while too much is unacknowledged: read no more from either side until `onRoom` is called. */
  readonly isFull: boolean;
  onRoom(listener: () => void): void;
}

export interface Protocol {
  readonly name: string;
  /**
   * A refusal that the client was told already, such as for what is no greeting; undefined when there was nothing to
   * greet: a cancel request, a probe, a client that left.
   */
  greet(
    client: Socket,
    settings: GreetingSettings,
    signal: AbortSignal,
  ): Promise<Greeting | Refusal | undefined>;
}
