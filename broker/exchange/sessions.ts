/** Sessions that the broker knows: who they are, and which data plane speaks for them. */
import type { Caller } from "#core/policy/facts.ts";
import type { LeaseGrant, SessionId } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { Worker } from "../workers.ts";

export interface KnownSession {
  readonly id: SessionId;
  readonly worker: Worker;
  readonly caller: Caller;
  readonly subject: string;
  /** A credential may be asked for until then; a session that has one goes on. */
  readonly exchangeUntilMs: number;
  /** The exchange under way or done, so that asking again gives the same. */
  exchange: { readonly connection: string; readonly answer: Promise<LeaseGrant | Refusal> } | undefined;
}

export class Sessions {
  readonly #sessions = new Map<SessionId, KnownSession>();

  /** Undefined for a session that this data plane does not speak for. */
  of(worker: Worker, id: SessionId): KnownSession | undefined {
    const session = this.#sessions.get(id);
    return session?.worker === worker ? session : undefined;
  }

  get(id: SessionId): KnownSession | undefined {
    return this.#sessions.get(id);
  }

  add(session: KnownSession): void {
    this.#sessions.set(session.id, session);
    session.worker.sessions.add(session.id);
  }

  /** Its record may be open still, so the data plane stays answerable for it. */
  forget(id: SessionId): void {
    this.#sessions.delete(id);
  }

  all(): readonly KnownSession[] {
    return [...this.#sessions.values()];
  }

  get size(): number {
    return this.#sessions.size;
  }
}
