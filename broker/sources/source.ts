/** What a source of credentials is: it turns a Connection's reference into a lease that answers challenges. */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Caller, ConnectionRef } from "#core/policy/facts.ts";
import type { Challenge, Proof } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";

export type SourceName = keyof NonNullable<Connection["spec"]["credential"]["source"]>;

/** A Connection as sources see it: where it is, whom to trust there, and where its credential comes from. */
export interface Upstream {
  readonly ref: ConnectionRef;
  readonly spec: Connection["spec"];
  /** PEM; absent: the system's roots. */
  readonly caPem?: string;
}

export interface CredentialRequest {
  readonly upstream: Upstream;
  /** Stands for one identity; equal texts are the same one. */
  readonly subject: string;
  /** Who asks, where that matters to whoever makes the credential. */
  readonly caller?: Caller;
  /** What policy allows this subject on this connection, where it says. */
  readonly concurrentSessionsMax?: number;
  /** Until when the session's lease shall hold. */
  readonly untilMs: number;
  /** As whom the upstream knows the session already. It may be anything: it was told. */
  readonly user?: string;
}

export interface Credential {
  readonly user: string;
  /** From then on the upstream refuses the credential, whatever becomes of us; Infinity when it does not. */
  readonly validUntilMs: number;
  prove(challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal>;
  /** Makes it valid until then, or says why it cannot be; what was valid before stays so. */
  extend(untilMs: number, signal: AbortSignal): Promise<Refusal | undefined>;
  /**
   * The session needs it no more. `revoked`: it must not be used by anybody from now on, sessions that are open with it
   * included, unless another session holds it too. `left`: we stop, and the session may go on with another broker. Never throws:
   * what cannot be undone now is tried again.
   */
  end(why: "released" | "revoked" | "left"): void;
}

export interface CredentialSource extends AsyncDisposable {
  /** What is wrong with the reference as far as one can tell without following it. */
  check(upstream: Upstream): Refusal | undefined;
  lease(request: CredentialRequest, signal: AbortSignal): Promise<Credential | Refusal>;
  /** Called often, and when Connections have changed: does what has come due. */
  sweep(upstreams: readonly Upstream[]): void;
  /** Resolves when nothing that was begun is under way. */
  settled(): Promise<void>;
}

/** Why there is no credential, in words for operators; `field` may be shown to anybody. */
export class NoCredential extends Error {
  override readonly name = "NoCredential";
  readonly field: string;
  constructor(field: string, why: string, options?: ErrorOptions) {
    super(why, options);
    this.field = field;
  }
}
