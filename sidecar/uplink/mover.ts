/**
 * The broker port for sessions that outlive the broker that they began with. When the next connection leads to another one, each
 * of them is made known there, gets a lease there, and its record goes on in that one's log. Whoever holds the port notices
 * nothing but a lease of another name.
 */
import { TextDigester } from "#core/audit/digest.ts";
import type {
  AppendAnswer,
  BrokerPort,
  Challenge,
  ExchangeRequest,
  Hello,
  IdentifyRequest,
  LeaseGrant,
  LeaseId,
  Proof,
  Push,
  Report,
  SealedEvent,
  SessionGrant,
  SessionId,
  Welcome,
} from "#core/port/port.ts";
import { type Refusal, type RefusalCode, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Log } from "#runtime/log.ts";
import type { Sender } from "./sender.ts";
import type { SessionOutbox } from "./session-outbox.ts";
import type { Uplink } from "./uplink.ts";

export interface MoverOptions {
  readonly uplink: Pick<Uplink, "broker" | "run" | "onWelcome" | keyof BrokerPort>;
  readonly sender: Pick<Sender, "open" | "resume">;
  readonly log: Log;
}

/** A session as it would have to be made known again. */
interface Known {
  readonly session: SessionId;
  readonly listener: string;
  /** The broker that knows it: one process of it, and whose log has its record. */
  home: Home;
  /** Its client has gone before there was a lease to give back. */
  isReleased: boolean;
  exchange: ExchangeRequest | undefined;
  /** Which round of tidying it has come in. */
  readonly round: number;
  /** At its home; undefined when that could not give one of the same user. */
  lease: LeaseGrant | undefined;
  /** What it had with another broker, until it has it again. */
  before?: LeaseGrant | undefined;
}

interface Home {
  readonly run: string;
  readonly broker: string;
}

/** What may be otherwise in a moment. */
const PASSING: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "BROKER_UNREACHABLE",
  "IDENTITY_UNCHECKED",
  "POD_UNCHECKED",
  "LIMIT_GATEWAY",
  "TRAIL_UNAVAILABLE",
  "CREDENTIAL_UNAVAILABLE",
]);
const RETRY_MS = 1_000;
/** Sessions that were identified and then refused say nothing more: they are looked for when there are so many. */
const TIDY_AT_MIN = 1_024;

export function openMover(options: MoverOptions): Mover {
  return new Mover(options);
}

export class Mover implements BrokerPort, Disposable {
  readonly #options: MoverOptions;
  readonly #known = new Map<SessionId, Known>();
  /** By every lease that a session has had. */
  readonly #byLease = new Map<LeaseId, Known>();
  readonly #listeners = new Set<(push: Push) => void>();
  readonly #stopped = new AbortController();
  #round = 0;
  #tidyAt = TIDY_AT_MIN;

  constructor(options: MoverOptions) {
    this.#options = options;
    options.uplink.onWelcome(() => this.#welcome());
    options.uplink.subscribe((push) => {
      if (push.kind === "revoked") this.#forget(push.session);
      this.#tell(push);
    }, this.#stopped.signal);
  }

  hello(hello: Hello, signal: AbortSignal): Promise<Welcome | Refusal> {
    return this.#options.uplink.hello(hello, signal);
  }

  async identify(request: IdentifyRequest, signal: AbortSignal): Promise<SessionGrant | Refusal> {
    const { uplink } = this.#options;
    const { session, listener, evidence } = request;
    const grant = await uplink.identify(request, signal);
    // A token has been wiped: nobody can say again who that was.
    const home = this.#place();
    if (isRefusal(grant) || evidence.kind !== "ambient" || home === undefined) return grant;
    if (this.#known.size >= this.#tidyAt) this.#tidy();
    const nothing = { exchange: undefined, lease: undefined, isReleased: false };
    this.#known.set(session, { session, listener, home, round: this.#round, ...nothing });
    return grant;
  }

  async exchange(request: ExchangeRequest, signal: AbortSignal): Promise<LeaseGrant | Refusal> {
    const grant = await this.#options.uplink.exchange(request, signal);
    const known = this.#known.get(request.session);
    if (known === undefined || isRefusal(grant)) return grant;
    known.exchange = request;
    this.#holds(known, grant);
    return grant;
  }

  async renew(lease: LeaseId, signal: AbortSignal): Promise<LeaseGrant | Refusal> {
    const known = this.#byLease.get(lease);
    if (known === undefined) return this.#options.uplink.renew(lease, signal);
    const held = this.#atHome(known);
    if (held === undefined) return refusal("BROKER_UNREACHABLE");
    const grant = await this.#options.uplink.renew(held.lease, signal);
    if (!isRefusal(grant)) this.#holds(known, grant);
    return grant;
  }

  async release(lease: LeaseId, signal: AbortSignal): Promise<void> {
    const known = this.#byLease.get(lease);
    if (known === undefined) return this.#options.uplink.release(lease, signal);
    // Whichever broker it is with in a moment is given it back, if this one does not hear of it any more.
    known.isReleased = true;
    const held = this.#atHome(known);
    if (held !== undefined) await this.#options.uplink.release(held.lease, signal);
    const isOver = held === undefined ? known.exchange === undefined : this.#atHome(known) === held;
    if (isOver) this.#forget(known.session);
  }

  async prove(lease: LeaseId, challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal> {
    const known = this.#byLease.get(lease);
    if (known === undefined) return this.#options.uplink.prove(lease, challenge, signal);
    const held = this.#atHome(known);
    return held === undefined
      ? refusal("BROKER_UNREACHABLE")
      : this.#options.uplink.prove(held.lease, challenge, signal);
  }

  hold(session: SessionId, question: string, signal: AbortSignal): Promise<"approved" | Refusal> {
    return this.#options.uplink.hold(session, question, signal);
  }

  append(batch: readonly SealedEvent[], signal: AbortSignal): Promise<readonly AppendAnswer[] | Refusal> {
    return this.#options.uplink.append(batch, signal);
  }

  subscribe(listener: (push: Push) => void, signal: AbortSignal): void {
    // The uplink has the plan at hand; what is revoked from here is told beside it.
    this.#options.uplink.subscribe(
      (push) => (push.kind === "plan" ? listener(push) : undefined),
      AbortSignal.any([signal, this.#stopped.signal]),
    );
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
  }

  applied(worker: string, planVersion: string): void {
    this.#options.uplink.applied(worker, planVersion);
  }

  report(report: Report): void {
    this.#options.uplink.report(report);
  }

  [Symbol.dispose](): void {
    this.#stopped.abort(new Error("the data plane stops"));
  }

  #tell(push: Push): void {
    if (push.kind === "plan") return;
    for (const listener of this.#listeners) listener(push);
  }

  #holds(known: Known, grant: LeaseGrant): void {
    known.lease = grant;
    this.#byLease.set(grant.lease, known);
  }

  /** Its lease, where the broker that has it is the one that is asked. */
  #atHome({ home, lease }: Known): LeaseGrant | undefined {
    return home.run === this.#options.uplink.run ? lease : undefined;
  }

  #place(): Home | undefined {
    const { run, broker } = this.#options.uplink;
    return run === undefined || broker === undefined ? undefined : { run, broker };
  }

  /** Forgets whoever has neither a lease nor a record any more, and has had the time to come by one. */
  #tidy(): void {
    const open = new Set(this.#options.sender.open().map(({ session }) => session));
    for (const { session, lease, exchange, round } of this.#known.values()) {
      const isOver = lease === undefined && exchange === undefined && !open.has(session);
      if (isOver && round < this.#round) this.#known.delete(session);
    }
    this.#round += 1;
    this.#tidyAt = Math.max(TIDY_AT_MIN, 2 * this.#known.size);
  }

  #forget(session: SessionId): void {
    const known = this.#known.get(session);
    this.#known.delete(session);
    if (known === undefined) return;
    for (const [lease, of] of this.#byLease) if (of === known) this.#byLease.delete(lease);
  }

  #welcome(): void {
    const to = this.#place();
    if (to === undefined) return;
    const open = new Map(this.#options.sender.open().map((outbox) => [outbox.session, outbox]));
    for (const known of this.#known.values()) {
      const outbox = open.get(known.session);
      if (known.home.run === to.run) this.#stays(known, outbox);
      // Nothing of it is on record yet, so nothing goes on: its exchange is refused, and its client connects again.
      else if (outbox === undefined) this.#forget(known.session);
      else {
        // The same log takes what is on its way to it from whomever.
        outbox.isHeldBack = known.home.broker !== to.broker;
        void this.#move(known, outbox, to);
      }
    }
  }

  /** It was on its way to another broker, and this one has it still. */
  #stays(known: Known, outbox: SessionOutbox | undefined): void {
    if (known.isReleased && known.lease !== undefined) {
      this.#forget(known.session);
      void this.#options.uplink.release(known.lease.lease, this.#stopped.signal).catch(() => undefined);
    }
    if (outbox === undefined) return;
    outbox.isHeldBack = false;
    this.#options.sender.resume(outbox);
  }

  /** Tries for as long as that broker is the one that is connected. */
  async #move(known: Known, outbox: SessionOutbox, to: Home): Promise<void> {
    const { uplink, log } = this.#options;
    const { signal } = this.#stopped;
    const isCurrent = (): boolean =>
      uplink.run === to.run && known.home.run !== to.run && this.#known.get(known.session) === known;
    while (!signal.aborted && isCurrent()) {
      const refused = await this.#tryMove(known, outbox, to).catch(() => refusal("BROKER_UNREACHABLE"));
      if (refused === undefined) return;
      if (!PASSING.has(refused.code)) {
        log.warn("a session cannot go on with another broker", {
          session: known.session,
          code: refused.code,
        });
        this.#forget(known.session);
        outbox.breakOff(refused);
        this.#options.sender.resume(outbox);
        return this.#tell({ kind: "revoked", session: known.session, refusal: refused });
      }
      await pause(RETRY_MS, signal);
    }
  }

  async #tryMove(known: Known, outbox: SessionOutbox, to: Home): Promise<Refusal | undefined> {
    const { uplink, sender, log } = this.#options;
    const { session, listener, home } = known;
    const { signal } = this.#stopped;
    const grant = await uplink.identify({ session, listener, evidence: { kind: "ambient" } }, signal);
    if (isRefusal(grant)) return grant;
    const digester = new TextDigester(grant.digestKey);
    grant.digestKey.fill(0);
    if (uplink.run !== to.run) return refusal("BROKER_UNREACHABLE");
    const before = known.lease ?? known.before;
    known.home = to;
    known.lease = undefined;
    known.before = before;
    if (home.broker === to.broker) outbox.isHeldBack = false;
    else outbox.goOn(home.broker, { log: to.broker, digester });
    sender.resume(outbox);
    log.info("a session goes on with another broker", { session, from: home.broker, to: to.broker });
    if (before !== undefined) void this.#leaseAnew(known, before, outbox);
    return undefined;
  }

  /**
   * A session's upstream knows it by the user that it logged in as, so that is the one that is asked for. Where the next broker gives
   * it another one, it goes on with what it has until that ends.
   */
  async #leaseAnew(known: Known, before: LeaseGrant, outbox: SessionOutbox): Promise<void> {
    const { uplink, sender } = this.#options;
    const { signal } = this.#stopped;
    const { home } = known;
    const isCurrent = (): boolean => known.home === home && this.#known.get(known.session) === known;
    while (!signal.aborted && isCurrent() && known.exchange !== undefined) {
      const grant = await uplink
        .exchange({ ...known.exchange, user: before.user }, signal)
        .catch((): Refusal => refusal("BROKER_UNREACHABLE"));
      if (!isCurrent()) return;
      if (!isRefusal(grant)) {
        if (grant.user !== before.user || known.isReleased) {
          known.exchange = undefined;
          if (known.isReleased) this.#forget(known.session);
          return uplink.release(grant.lease, signal).catch(() => undefined);
        }
        known.before = undefined;
        this.#holds(known, grant);
        const source = known.exchange.connection.name;
        if (outbox.ended === undefined)
          outbox.seal({ kind: "credential", action: "leased", lease: grant.lease, source });
        return sender.resume(outbox);
      }
      if (!PASSING.has(grant.code) && known.isReleased) return this.#forget(known.session);
      if (!PASSING.has(grant.code))
        return this.#tell({ kind: "revoked", session: known.session, refusal: grant });
      await pause(RETRY_MS, signal);
    }
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = (): void => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
