/** Sessions that the broker knows: who they are, and which data plane speaks for them. */
import type { Caller } from "#core/policy/facts.ts";
import type { LeaseGrant, SessionId } from "#core/port/port.ts";
import type { Refusal } from "#core/values/refusal.ts";
import { agentsAbove } from "../lineage/lineage.ts";
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
  /** Once an agent above it has ended: what it has lasts no longer than it does now. */
  bereaved?: Refusal;
}

export class Sessions {
  readonly #sessions = new Map<SessionId, KnownSession>();
  /** Sessions by the uids of the agents above them. */
  readonly #below = new Map<string, Set<SessionId>>();

  /** Undefined for a session that this data plane does not speak for. */
  of(worker: Worker, id: SessionId): KnownSession | undefined {
    const session = this.#sessions.get(id);
    return session?.worker === worker ? session : undefined;
  }

  get(id: SessionId): KnownSession | undefined {
    return this.#sessions.get(id);
  }

  /** Of pods that have that one above them. */
  below(uid: string): readonly KnownSession[] {
    return [...(this.#below.get(uid) ?? [])].flatMap((id) => this.#sessions.get(id) ?? []);
  }

  add(session: KnownSession): void {
    this.#sessions.set(session.id, session);
    session.worker.sessions.add(session.id);
    for (const { uid } of agentsAbove(session.caller.ancestors)) {
      const below = this.#below.get(uid) ?? new Set();
      this.#below.set(uid, below.add(session.id));
    }
  }

  /** Its record may be open still, so the data plane stays answerable for it. */
  forget(id: SessionId): void {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    for (const { uid } of agentsAbove(session?.caller.ancestors ?? [])) {
      const below = this.#below.get(uid);
      below?.delete(id);
      if (below?.size === 0) this.#below.delete(uid);
    }
  }

  all(): readonly KnownSession[] {
    return [...this.#sessions.values()];
  }

  get size(): number {
    return this.#sessions.size;
  }
}
