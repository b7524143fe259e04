/** Live leases, and how many each subject has on each Connection. One lease a session. */
import type { ConnectionRef } from "#core/policy/facts.ts";
import type { LeaseId, SessionId } from "#core/port/port.ts";
import type { Credential, Upstream } from "../sources/source.ts";

export interface Lease {
  readonly id: LeaseId;
  readonly session: SessionId;
  readonly connection: ConnectionRef;
  /** As the Connection was when the session began. */
  readonly upstream: Upstream;
  readonly credential: Credential;
  readonly place: Place;
  expiresMs: number;
  /** Until then the decision that it rests on holds without being made again. */
  decidedUntilMs: number;
}

/** A place among the sessions of a subject on a Connection; taken before a credential is asked for. */
export interface Place {
  readonly key: string;
}

export class LeaseTable {
  readonly #leases = new Map<LeaseId, Lease>();
  readonly #bySession = new Map<SessionId, Lease>();
  readonly #taken = new Map<string, number>();

  /** Undefined when there are as many as may be. */
  takePlace(subject: string, connection: ConnectionRef, placesMax: number): Place | undefined {
    const key = placeKey(subject, connection);
    const taken = this.#taken.get(key) ?? 0;
    if (taken >= placesMax) return undefined;
    this.#taken.set(key, taken + 1);
    return { key };
  }

  placesTaken(subject: string, connection: ConnectionRef): number {
    return this.#taken.get(placeKey(subject, connection)) ?? 0;
  }

  leavePlace({ key }: Place): void {
    const left = (this.#taken.get(key) ?? 0) - 1;
    if (left > 0) this.#taken.set(key, left);
    else this.#taken.delete(key);
  }

  add(lease: Lease): void {
    this.#leases.set(lease.id, lease);
    this.#bySession.set(lease.session, lease);
  }

  get(id: LeaseId): Lease | undefined {
    return this.#leases.get(id);
  }

  ofSession(session: SessionId): Lease | undefined {
    return this.#bySession.get(session);
  }

  all(): readonly Lease[] {
    return [...this.#leases.values()];
  }

  get size(): number {
    return this.#leases.size;
  }

  /** Once; false when it had ended already. */
  end(lease: Lease, why: "released" | "revoked" | "left"): boolean {
    if (!this.#leases.delete(lease.id)) return false;
    this.#bySession.delete(lease.session);
    this.leavePlace(lease.place);
    lease.credential.end(why);
    return true;
  }
}

function placeKey(subject: string, { namespace, name }: ConnectionRef): string {
  return JSON.stringify([namespace, name, subject]);
}
