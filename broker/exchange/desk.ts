/** Where sessions get their credentials and give them back. Decides anew each time, and whenever policy changes. */
import { randomBytes } from "node:crypto";
import { DEFAULT_NAMESPACE } from "#core/policy/connection-selector.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import type { Challenge, ExchangeRequest, LeaseGrant, LeaseId, Proof, SessionId } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { type Prepared, keyOf } from "../config.ts";
import { type Lease, LeaseTable, type Place } from "../leases/table.ts";
import type { Note } from "../note.ts";
import type { PodPeer } from "../pods/pods.ts";
import { type Sources, sourceOf } from "../sources/index.ts";
import { isSameUpstream } from "../sources/same-upstream.ts";
import type { CredentialRequest } from "../sources/source.ts";
import { unlessAborted } from "../waiting.ts";
import { type Worker, send } from "../workers.ts";
import { unanswerable } from "./answerable.ts";
import { type Asker, type ExchangeDeps, type Exchanged, exchange, isUntold } from "./exchange.ts";
import { type Permission, permit } from "./permission.ts";
import type { KnownSession, Sessions } from "./sessions.ts";

export interface DeskDeps {
  readonly sources: Sources;
  readonly sessions: Sessions;
  /** Undefined until files have been read. */
  readonly prepared: () => Prepared | undefined;
  readonly leaseMs: number;
  readonly now: () => number;
  readonly note: Note;
  /** A session with a lease ends because a rule denies what it has. */
  readonly onDenied: (session: KnownSession, connection: ConnectionRef) => void;
  /** Ends what is being leased when the broker stops. */
  readonly signal: AbortSignal;
}

const LEASE_ID_BYTES = 16;
/** A data plane that was away for a moment asks at once when it is back. */
const REVOKED_MAX = 4_096;
/** Enough for a data plane to reconnect and ask again. */
const ABANDONED_MS = 30_000;

/** One data plane at the desk, over one connection of its own. */
export interface Visitor {
  readonly worker: Worker;
  /** The pod at the other end; undefined for data planes of this machine. */
  readonly peer: PodPeer | undefined;
}

export class Desk {
  readonly #deps: DeskDeps;
  readonly #leases = new LeaseTable();
  /** Why those that were taken back last were, for data planes that ask after it. */
  readonly #revoked = new Map<LeaseId, { readonly worker: Worker; readonly why: Refusal }>();

  constructor(deps: DeskDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#leases.size;
  }

  async exchange(
    visitor: Visitor,
    request: ExchangeRequest,
    signal: AbortSignal,
  ): Promise<LeaseGrant | Refusal> {
    const session = this.#deps.sessions.of(visitor.worker, request.session);
    if (session === undefined)
      return refusal("IDENTITY_MISSING", "the broker does not know this session; connect again");
    const connection = normalized(request.connection);
    const key = keyOf(connection);
    const before = session.exchange;
    if (before !== undefined && before.connection !== key)
      return refusal("DENY_UNKNOWN_CONNECTION", "a session has one connection");
    if (before === undefined && this.#deps.now() >= session.exchangeUntilMs)
      return refusal("IDENTITY_EXPIRED");
    // The data plane may ask again after its connection to us broke, so the work is nobody's alone.
    const answer = before?.answer ?? this.#begin(session, visitor, { ...request, connection });
    try {
      const granted = await unlessAborted(answer, signal);
      if (isRefusal(granted) || before === undefined) return granted;
      // Asked for again, it is decided again, as at every renewal.
      return await this.renew(visitor, granted.lease, signal);
    } catch (error) {
      if (signal.aborted) answer.finally(() => this.#abandonUnlessAsked(session)).catch(() => undefined);
      throw error;
    }
  }

  async renew(visitor: Visitor, id: LeaseId, signal: AbortSignal): Promise<LeaseGrant | Refusal> {
    const { leaseMs, now } = this.#deps;
    if (this.#deps.signal.aborted) return refusal("SHUTTING_DOWN");
    const lease = this.#held(visitor.worker, id);
    const session = lease && this.#deps.sessions.get(lease.session);
    if (lease === undefined || session === undefined) return this.#whyEnded(visitor.worker, id);
    const { connection } = lease;
    const asker = askerOf(session, visitor.peer);
    const exchanged = await exchange(asker, { connection, place: "has" }, this.#exchangeDeps, signal);
    // It may have been given back, or ended, while it was asked.
    if (this.#held(visitor.worker, id) === undefined) return this.#whyEnded(visitor.worker, id);
    if (isRefusal(exchanged)) {
      if (exchanged.code === "LINEAGE_ENDED") return this.bereave(session, exchanged) ?? grantOf(lease);
      if (!isUntold(exchanged)) this.#revoke(lease, exchanged);
      return exchanged;
    }
    const wantedMs = now() + leaseMs;
    const refused = await lease.credential.extend(wantedMs, signal);
    if (this.#held(visitor.worker, id) === undefined) return this.#whyEnded(visitor.worker, id);
    // What could not be extended is good for as long as it was; the data plane asks again before that is over.
    if (refused === undefined)
      lease.expiresMs = Math.min(wantedMs, lease.credential.validUntilMs, exchanged.standing.untilMs);
    return grantOf(lease);
  }

  /** The same decision without a session, for a token that says so. */
  permits(asker: Asker, connection: ConnectionRef, signal: AbortSignal): Promise<Exchanged | Refusal> {
    const wanted = { connection: normalized(connection), place: "look" } as const;
    return exchange(asker, wanted, this.#exchangeDeps, signal);
  }

  release(worker: Worker, id: LeaseId): void {
    const lease = this.#leases.get(id);
    if (lease === undefined || this.#deps.sessions.of(worker, lease.session) === undefined) return;
    this.#leases.end(lease, "released");
    this.#deps.sessions.forget(lease.session);
  }

  async prove(
    worker: Worker,
    id: LeaseId,
    challenge: Challenge,
    signal: AbortSignal,
  ): Promise<Proof | Refusal> {
    const lease = this.#held(worker, id);
    if (lease === undefined) return refusal("LEASE_ENDED");
    // As the Connection is now, not as it was when the lease was made.
    const upstream = this.#deps.prepared()?.upstreams.get(keyOf(lease.connection));
    if (upstream === undefined) return refusal("DENY_UNKNOWN_CONNECTION");
    const refused = unanswerable(challenge, upstream.spec);
    if (refused === undefined) return lease.credential.prove(challenge, signal);
    this.#deps.note("proof.refused", { connection: keyOf(lease.connection), asked: challenge.kind });
    return refused;
  }

  /** Ends a session from here, if it has a lease; tells its data plane. */
  revokeSession(session: SessionId, why: Refusal): boolean {
    const lease = this.#leases.ofSession(session);
    if (lease !== undefined) this.#revoke(lease, why);
    return lease !== undefined;
  }

  /** An agent above it has ended. What it has it may keep for as long as it has it, unless policy says otherwise. */
  bereave(session: KnownSession, why: Refusal): Refusal | undefined {
    session.bereaved ??= why;
    const lease = this.#leases.ofSession(session.id);
    return lease && this.#decideAgain(lease);
  }

  /** For sessions whose data plane is gone: there is nobody to tell. */
  abandon(session: SessionId): void {
    const lease = this.#leases.ofSession(session);
    if (lease !== undefined) this.#leases.end(lease, "revoked");
    this.#deps.sessions.forget(session);
  }

  /** When the broker stops: its sessions may go on with another one. */
  leaveAll(why: Refusal): void {
    for (const lease of this.#leases.all()) this.#end(lease, "left", why);
  }

  /** After a change of policy, when every decision is open again. */
  decideAnew(): void {
    for (const lease of this.#leases.all()) this.#decideAgain(lease);
  }

  sweep(): void {
    const nowMs = this.#deps.now();
    for (const lease of this.#leases.all()) {
      if (nowMs >= lease.expiresMs) this.#revoke(lease, this.#bereavement(lease) ?? refusal("LEASE_ENDED"));
      else if (nowMs >= lease.decidedUntilMs) this.#decideAgain(lease);
    }
    for (const session of this.#deps.sessions.all()) {
      if (session.exchange === undefined && nowMs >= session.exchangeUntilMs)
        this.#deps.sessions.forget(session.id);
    }
  }

  get #exchangeDeps(): ExchangeDeps {
    const { now, prepared, signal } = this.#deps;
    return { now, prepared, stopping: signal, leases: this.#leases };
  }

  #begin(session: KnownSession, { peer }: Visitor, request: ExchangeRequest): Promise<LeaseGrant | Refusal> {
    const answer = this.#grant(session, askerOf(session, peer), request);
    // A refusal is no state: what was missing may be there when it is asked again.
    const forget = (): void => {
      session.exchange = undefined;
    };
    answer.then((granted) => (isRefusal(granted) ? forget() : undefined), forget);
    session.exchange = { connection: keyOf(request.connection), answer };
    return answer;
  }

  /** Nobody waited for the answer, so nobody may know that there is a lease to give back. */
  #abandonUnlessAsked(session: KnownSession): void {
    const lease = this.#leases.ofSession(session.id);
    if (lease !== undefined) lease.expiresMs = Math.min(lease.expiresMs, this.#deps.now() + ABANDONED_MS);
  }

  async #grant(
    session: KnownSession,
    asker: Asker,
    { connection, concurrentSessionsMax: sessionsMax, user }: ExchangeRequest,
  ): Promise<LeaseGrant | Refusal> {
    const wanted = { connection, place: "take", sessionsMax } as const;
    const exchanged = await exchange(asker, wanted, this.#exchangeDeps, this.#deps.signal);
    if (isRefusal(exchanged)) return exchanged;
    const { place } = exchanged;
    if (place === undefined) throw new TypeError("a session was granted no place");
    const lease = await this.#lease(session, exchanged, place, user);
    if (isRefusal(lease)) {
      this.#leases.leavePlace(place);
      return lease;
    }
    this.#leases.add(lease);
    // Policy may have changed, and the data plane have gone, while the upstream was asked.
    if (this.#deps.sessions.get(session.id) !== session) {
      this.#leases.end(lease, "revoked");
      return refusal("LEASE_ENDED");
    }
    return this.#decideAgain(lease) ?? grantOf(lease);
  }

  async #lease(
    { id: session }: KnownSession,
    { upstream, permission, standing }: Exchanged,
    place: Place,
    user: string | undefined,
  ): Promise<Lease | Refusal> {
    const { leaseMs, now, sources, signal } = this.#deps;
    try {
      const source = sourceOf(sources, upstream.spec);
      if (source === undefined)
        return refusal("CREDENTIAL_UNAVAILABLE", "the connection does not name one credential source");
      const { concurrentSessionsMax } = permission;
      const limit = concurrentSessionsMax === undefined ? {} : { concurrentSessionsMax };
      const { caller, subject } = standing;
      const known = user === undefined ? {} : { user };
      const until = { untilMs: now() + leaseMs, ...limit, ...known };
      const request: CredentialRequest = { upstream, subject, caller, ...until };
      const credential = await source.lease(request, signal);
      if (isRefusal(credential)) return credential;
      const expiresMs = Math.min(request.untilMs, credential.validUntilMs, standing.untilMs);
      const id = randomBytes(LEASE_ID_BYTES).toString("base64url");
      const { ref: connection } = upstream;
      return { id, session, connection, upstream, credential, place, expiresMs, decidedUntilMs: 0 };
    } catch (error) {
      if (signal.aborted) return refusal("SHUTTING_DOWN");
      this.#leases.leavePlace(place);
      throw error;
    }
  }

  #held(worker: Worker, id: LeaseId): Lease | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined || this.#deps.now() >= lease.expiresMs) return undefined;
    return this.#deps.sessions.of(worker, lease.session) === undefined ? undefined : lease;
  }

  #whyEnded(worker: Worker, id: LeaseId): Refusal {
    const revoked = this.#revoked.get(id);
    return revoked?.worker === worker ? revoked.why : refusal("LEASE_ENDED");
  }

  #permission(lease: Lease): Permission | Refusal {
    const { now, prepared, sessions } = this.#deps;
    const session = sessions.get(lease.session);
    const config = prepared();
    if (session === undefined || config === undefined) return refusal("LEASE_ENDED");
    const { connection } = lease;
    const upstream = config.upstreams.get(keyOf(connection));
    if (upstream !== undefined && !isSameUpstream(lease.upstream.spec, upstream.spec))
      return refusal("LEASE_ENDED", "the connection was edited, and leads elsewhere now; connect again");
    return permit(config.plan, session.caller, connection, now());
  }

  #decideAgain(lease: Lease): Refusal | undefined {
    const permission = this.#permission(lease);
    if (isRefusal(permission)) {
      this.#revoke(lease, permission);
      return permission;
    }
    lease.decidedUntilMs = permission.untilMs;
    const bereaved = this.#bereavement(lease);
    if (bereaved === undefined || permission.whenParentEnds === "finish") return undefined;
    this.#revoke(lease, bereaved);
    return bereaved;
  }

  #bereavement({ session }: Lease): Refusal | undefined {
    return this.#deps.sessions.get(session)?.bereaved;
  }

  #revoke(lease: Lease, why: Refusal): void {
    this.#end(lease, "revoked", why);
  }

  #end(lease: Lease, how: "revoked" | "left", why: Refusal): void {
    if (!this.#leases.end(lease, how)) return;
    const session = this.#deps.sessions.get(lease.session);
    this.#deps.sessions.forget(lease.session);
    this.#deps.note("lease.ended", { connection: keyOf(lease.connection), code: why.code });
    if (session === undefined) return;
    if (why.code === "DENY_RULE") this.#deps.onDenied(session, lease.connection);
    this.#revoked.set(lease.id, { worker: session.worker, why });
    const [oldest] = this.#revoked.keys();
    if (this.#revoked.size > REVOKED_MAX && oldest !== undefined) this.#revoked.delete(oldest);
    send(session.worker.listeners, { kind: "revoked", session: session.id, refusal: why });
  }
}

/** A session's data plane asks for it; of a pod it is found out anew whether it is still trusted. */
function askerOf({ caller, subject }: KnownSession, peer: PodPeer | undefined): Asker {
  const untilMs = peer?.expiresMs ?? Infinity;
  return {
    standing: async (signal) => (await peer?.stillTrusted(caller, signal)) ?? { caller, subject, untilMs },
  };
}

function grantOf({ id, credential, expiresMs }: Lease): LeaseGrant {
  return { lease: id, user: credential.user, expiresMs };
}

function normalized({ namespace, name }: ConnectionRef): ConnectionRef {
  return { namespace: namespace === "" ? DEFAULT_NAMESPACE : namespace, name };
}
