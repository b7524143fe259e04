/**
 * Holds a lease while its session lasts: renews it in time, ends the session when it cannot be renewed, gives it back.
 * While the broker is away the session goes on until the lease runs out, and not a moment longer.
 */
import type { BrokerPort, Challenge, LeaseGrant, Proof } from "#core/port/port.ts";
import { type Refusal, type RefusalCode, isRefusal, refusal } from "#core/values/refusal.ts";
import { deadline } from "#runtime/deadline.ts";

export interface KeptLease extends AsyncDisposable {
  prove(challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal>;
}

export interface LeaseTools {
  readonly port: BrokerPort;
  readonly nowMs: () => number;
  readonly end: (why: Refusal) => void;
  /** That there is a lease: nothing is proved before it is on record, and nothing where it cannot be put there. */
  readonly recorded: Promise<Refusal | undefined>;
  readonly onEvent: (action: "proved" | "renewed" | "released", lease: LeaseGrant) => void;
}

/** Renewed when this share of the time has passed, so that there is time to try again. */
const RENEW_AT = 0.6;
const RETRY_MS = 2_000;
const RELEASE_MS = 5_000;
/** Nobody could say whether it may be renewed: it is asked again for as long as the lease holds. */
const MAY_YET_BE_RENEWED: ReadonlySet<RefusalCode> = new Set([
  "BROKER_UNREACHABLE",
  "IDENTITY_UNCHECKED",
  "POD_UNCHECKED",
]);
/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export function keepLease(granted: LeaseGrant, tools: LeaseTools): KeptLease {
  return new Keeper(granted, tools);
}

class Keeper implements KeptLease {
  readonly #tools: LeaseTools;
  #lease: LeaseGrant;
  #timer: NodeJS.Timeout | undefined;
  /** Of a renewal; there is none before the first. */
  #asking: AbortController | undefined;
  #isDone = false;

  constructor(granted: LeaseGrant, tools: LeaseTools) {
    this.#lease = granted;
    this.#tools = tools;
    this.#wait();
  }

  async prove(challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal> {
    const { port, onEvent, recorded } = this.#tools;
    const unrecorded = await recorded;
    if (unrecorded !== undefined) return unrecorded;
    const lease = this.#lease;
    const proof = await port.prove(lease.lease, challenge, signal);
    if (!isRefusal(proof)) onEvent("proved", this.#lease);
    return proof;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    this.#isDone = true;
    this.#asking?.abort();
    await release(this.#tools.port, this.#lease);
    this.#tools.onEvent("released", this.#lease);
  }

  #wait(): void {
    this.#after((this.#lease.expiresMs - this.#tools.nowMs()) * RENEW_AT);
  }

  #after(delayMs: number): void {
    this.#timer = setTimeout(renew, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX), this).unref();
  }

  renew(): void {
    const { port, end } = this.#tools;
    this.#asking ??= new AbortController();
    port.renew(this.#lease.lease, this.#asking.signal).then(
      (answer) => this.#renewed(answer),
      // The carrier answers every loss with a refusal; a throw is a bug, and a bug must not leave a session without a lease.
      () => end(refusal("LEASE_ENDED")),
    );
  }

  #renewed(answer: LeaseGrant | Refusal): void {
    if (this.#isDone) return;
    const { nowMs, end, onEvent } = this.#tools;
    if (!isRefusal(answer)) {
      this.#lease = answer;
      onEvent("renewed", answer);
      return this.#wait();
    }
    if (!MAY_YET_BE_RENEWED.has(answer.code)) return end(answer);
    const leftMs = this.#lease.expiresMs - nowMs();
    if (leftMs <= 0) return end(refusal("LEASE_ENDED"));
    this.#after(Math.min(RETRY_MS, leftMs));
  }
}

function renew(keeper: Keeper): void {
  keeper.renew();
}

/** What cannot be given back ends by itself: the broker hears of a session's end in other ways too. */
async function release(port: BrokerPort, { lease }: LeaseGrant): Promise<void> {
  using patience = deadline([], RELEASE_MS);
  try {
    await port.release(lease, patience.signal);
  } catch (error) {
    if (!patience.signal.aborted) throw error;
  }
}
