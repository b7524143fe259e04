/**
 * Holds a lease while its session lasts: renews it in time, ends the session when it cannot be renewed, gives it back.
 * While the broker is away the session goes on until the lease runs out, and not a moment longer.
 */
import type { BrokerPort, Challenge, LeaseGrant, Proof } from "#core/port/port.ts";
import { type Refusal, type RefusalCode, isRefusal, refusal } from "#core/values/refusal.ts";

export interface KeptLease extends AsyncDisposable {
  prove(challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal>;
}

export interface LeaseTools {
  readonly port: BrokerPort;
  readonly nowMs: () => number;
  readonly end: (why: Refusal) => void;
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

export function keepLease(granted: LeaseGrant, { port, nowMs, end, onEvent }: LeaseTools): KeptLease {
  const done = new AbortController();
  let lease = granted;
  let timer: NodeJS.Timeout | undefined;

  const after = (delayMs: number, call: () => void): void => {
    timer = setTimeout(call, Math.min(Math.max(delayMs, 0), TIMER_MS_MAX)).unref();
  };
  const wait = (): void => after((lease.expiresMs - nowMs()) * RENEW_AT, renew);
  const renew = (): void => {
    port.renew(lease.lease, done.signal).then(
      (answer) => {
        if (done.signal.aborted) return;
        if (!isRefusal(answer)) {
          lease = answer;
          onEvent("renewed", answer);
          return wait();
        }
        if (!MAY_YET_BE_RENEWED.has(answer.code)) return end(answer);
        const leftMs = lease.expiresMs - nowMs();
        if (leftMs <= 0) return end(refusal("LEASE_ENDED"));
        after(Math.min(RETRY_MS, leftMs), renew);
      },
      // The carrier answers every loss with a refusal; a throw is a bug, and a bug must not leave a session without a lease.
      () => end(refusal("LEASE_ENDED")),
    );
  };
  wait();
  return {
    prove: async (challenge, signal) => {
      const proof = await port.prove(lease.lease, challenge, signal);
      if (!isRefusal(proof)) onEvent("proved", lease);
      return proof;
    },
    [Symbol.asyncDispose]: async () => {
      clearTimeout(timer);
      done.abort();
      await release(port, lease);
      onEvent("released", lease);
    },
  };
}

/** What cannot be given back ends by itself: the broker hears of a session's end in other ways too. */
async function release(port: BrokerPort, { lease }: LeaseGrant): Promise<void> {
  const patience = AbortSignal.timeout(RELEASE_MS);
  try {
    await port.release(lease, patience);
  } catch (error) {
    if (!patience.aborted) throw error;
  }
}
