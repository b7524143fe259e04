/**
 * Who of the replicas leads, by a Lease of the API server. It is lost and gained without ending the process. Whoever has it stops acting
 * `heldMs` after the last renewal *began*, by its own clocks; another takes it `leaseMs` after it has seen the last change, by its
 * own clocks: there are always five seconds in which nobody leads, whatever the clocks of the two say.
 */
import { errorFields, type Log } from "#runtime/log.ts";
import type { Kube } from "./client.ts";
import { type Clock, pause, type Random, systemClock } from "./clock.ts";
import { isAlreadyThere, isConflict } from "./error.ts";
import { type Lease, LEASES, objectKey } from "./resource.ts";

export interface Term {
  /** Aborts when the lease is lost, before anybody else can have it. */
  readonly signal: AbortSignal;
  /** How long it is surely ours; 0 when it is not. Looked up by the clocks: true even of a process that stood still. */
  remainingMs(): number;
}

export interface ElectionOptions {
  readonly kube: Pick<Kube, "create" | "get" | "update">;
  readonly namespace: string;
  readonly name: string;
  /** Of this process and no other, not even of an earlier one of the same pod. */
  readonly identity: string;
  /** What the leader does. It ends soon after the term's signal has aborted; until it has, we do not stand again. */
  readonly lead: (term: Term) => Promise<void>;
  readonly timing?: Partial<LeaseTiming>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface LeaseTiming {
  readonly leaseMs: number;
  readonly heldMs: number;
  readonly retryMs: number;
  readonly requestMs: number;
}

export interface Election {
  isHeld(): boolean;
  /** How often it was gained. */
  readonly terms: number;
  /** Resolves when the signal has aborted, the leader's work has ended, and the lease was given back. */
  readonly ended: Promise<void>;
}

const TIMING: LeaseTiming = { leaseMs: 15_000, heldMs: 10_000, retryMs: 2_000, requestMs: 3_000 };

export function runElection(options: ElectionOptions): Election {
  return new Candidate(options);
}

interface Reading {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** What was seen of somebody else's lease, and when its last change was. */
interface Seen {
  readonly resourceVersion: string | undefined;
  readonly atMs: number;
}

class Candidate implements Election {
  readonly ended: Promise<void>;
  readonly #options: ElectionOptions;
  readonly #timing: LeaseTiming;
  readonly #clock: Clock;
  readonly #log: Log;
  #lease: Lease | undefined;
  #seen: Seen = { resourceVersion: undefined, atMs: 0 };
  #renewed: Reading | undefined;
  #terms = 0;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log.with({ lease: options.name, identity: options.identity });
    this.ended = this.#run();
  }

  isHeld(): boolean {
    return this.#remainingMs() > 0;
  }

  get terms(): number {
    return this.#terms;
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      await this.#attempt("take");
      const hasFailed = this.isHeld() && (await this.#serve()) === "failed";
      // Whoever could not do the work lets others try first.
      const retryMs = hasFailed ? this.#timing.leaseMs : this.#timing.retryMs;
      const drawnMs = retryMs * (0.8 + 0.4 * (this.#options.random ?? Math.random)());
      if (!(await pause(this.#clock, drawnMs, signal))) return;
    }
  }

  async #serve(): Promise<"failed" | "ended"> {
    const over = new AbortController();
    let outcome: "failed" | "ended" = "ended";
    this.#terms += 1;
    this.#log.info("leading");
    const led = this.#options
      .lead({ signal: over.signal, remainingMs: () => this.#remainingMs() })
      .catch((error: unknown) => {
        // Its way to end when the lease is lost.
        if (over.signal.aborted) return;
        outcome = "failed";
        this.#log.error("the leader's work failed", errorFields(error));
      })
      // Without its work a leader only stands in the way of others.
      .finally(() => over.abort());
    await this.#renew(AbortSignal.any([this.#options.signal, over.signal]));
    over.abort();
    // From here on nothing may act: the work is told before anything is waited for.
    await led;
    if (this.isHeld()) await this.#release();
    this.#renewed = undefined;
    this.#log.info("not leading");
    return outcome;
  }

  /** Returns when the lease is lost, or the signal aborts. */
  async #renew(signal: AbortSignal): Promise<void> {
    let pauseMs = this.#timing.retryMs;
    while (this.isHeld()) {
      if (!(await pause(this.#clock, Math.min(pauseMs, this.#remainingMs()), signal))) return;
      if (!this.isHeld()) return;
      // What is left of the term is too short to wait long after a failure.
      const isDone = await this.#attempt("renew", signal);
      pauseMs = isDone ? this.#timing.retryMs : this.#timing.retryMs / 4;
    }
  }

  /** Takes the lease, or renews it; whatever goes wrong is tried again by the caller. */
  async #attempt(what: "take" | "renew", signal: AbortSignal = this.#options.signal): Promise<boolean> {
    const deadlineMs =
      what === "renew" ? Math.min(this.#timing.requestMs, this.#remainingMs()) : this.#timing.requestMs;
    try {
      await this.#claim(AbortSignal.any([signal, AbortSignal.timeout(Math.ceil(deadlineMs))]));
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      // Written by somebody else, or by us without our having heard: the next attempt reads it first.
      if (isConflict(error) || isAlreadyThere(error)) this.#lease = undefined;
      this.#log.warn(`could not ${what} the lease`, errorFields(error));
      return false;
    }
  }

  async #claim(signal: AbortSignal): Promise<void> {
    const { kube, namespace, name, identity } = this.#options;
    const call = { signal };
    // A holder knows what it wrote last, and asks again only when that has changed.
    const lease =
      this.isHeld() && this.#lease !== undefined
        ? this.#lease
        : await kube.get(LEASES, objectKey(namespace, name), call);
    const holder = lease?.spec?.holderIdentity ?? "";
    if (lease !== undefined && holder !== identity && holder !== "" && !this.#hasExpired(lease)) {
      // Also of a lease that we thought was ours.
      this.#renewed = undefined;
      return;
    }
    const begun = this.#now();
    const next = this.#written(lease, identity);
    this.#lease =
      lease === undefined ? await kube.create(LEASES, next, call) : await kube.update(LEASES, next, call);
    this.#renewed = begun;
  }

  /** Nobody's clock but ours counts: from when we first saw it in this state. */
  #hasExpired({ metadata: { resourceVersion }, spec }: Lease): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (this.#seen.resourceVersion !== resourceVersion) this.#seen = { resourceVersion, atMs: nowMs };
    const leaseMs = (spec?.leaseDurationSeconds ?? 0) * 1_000;
    return nowMs - this.#seen.atMs >= Math.max(leaseMs, this.#timing.leaseMs);
  }

  async #release(): Promise<void> {
    const { kube } = this.#options;
    const lease = this.#lease;
    if (lease === undefined) return;
    const { requestMs } = this.#timing;
    try {
      const call = { signal: AbortSignal.timeout(requestMs), deadlineMs: requestMs };
      await kube.update(LEASES, this.#written(lease, ""), call);
    } catch (error) {
      this.#log.warn("could not give the lease back; others wait until it ends", errorFields(error));
    }
  }

  /** The version in its metadata makes the API server refuse it when anybody has written since. */
  #written(lease: Lease | undefined, holderIdentity: string): Lease {
    const { namespace, name } = this.#options;
    const nowText = microTime(this.#clock.wallMs());
    const spec = lease?.spec;
    const isSame = spec?.holderIdentity === holderIdentity;
    return {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: lease?.metadata ?? { name, namespace },
      spec: {
        holderIdentity,
        leaseDurationSeconds: Math.ceil(this.#timing.leaseMs / 1_000),
        acquireTime: isSame ? (spec.acquireTime ?? nowText) : nowText,
        renewTime: nowText,
        leaseTransitions: (spec?.leaseTransitions ?? 0) + (isSame || holderIdentity === "" ? 0 : 1),
      },
    };
  }

  #now(): Reading {
    return { monotonicMs: this.#clock.monotonicMs(), wallMs: this.#clock.wallMs() };
  }

  #remainingMs(): number {
    if (this.#renewed === undefined) return 0;
    const now = this.#now();
    // A machine that slept may not count that as time; its wall clock shows it. Set forward, it costs a term at worst.
    const elapsedMs = Math.max(
      now.monotonicMs - this.#renewed.monotonicMs,
      now.wallMs - this.#renewed.wallMs,
    );
    return Math.max(0, this.#timing.heldMs - elapsedMs);
  }
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
