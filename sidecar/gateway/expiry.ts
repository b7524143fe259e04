/**
 * A policy that expires changes what is permitted as an edit does: what runs is looked at again in that moment. When that is, each plan
 * says anew.
 */
import type { Refusal } from "#core/values/refusal.ts";
import type { ActivePlan, Plans } from "./plans.ts";
import { refusalOf } from "./refusing.ts";
import type { SessionTap } from "./tap.ts";

/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface ExpiryOptions {
  readonly plans: Plans;
  readonly nowMs: () => number;
  /** Ends a session that is not permitted any more. */
  readonly end: (why: Refusal) => void;
}

export class Expiry implements Disposable {
  readonly #tap: SessionTap;
  readonly #options: ExpiryOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(tap: SessionTap, options: ExpiryOptions) {
    this.#tap = tap;
    this.#options = options;
    this.#wait();
  }

  /** A session that the plan no longer permits has to end; what of its statements is no longer permitted its protocol ends. */
  adopt(plan: ActivePlan): Refusal | undefined {
    const opening = this.#tap.adopt(plan);
    this.#wait();
    return opening.outcome === "deny" ? refusalOf(opening) : undefined;
  }

  look(): void {
    const { plans, nowMs, end } = this.#options;
    const plan = plans.current;
    if (plan === undefined || nowMs() < this.#tap.opening.validUntilMs) return this.#wait();
    const refused = this.adopt(plan);
    if (refused !== undefined) end(refused);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const leftMs = this.#tap.opening.validUntilMs - this.#options.nowMs();
    if (leftMs === Number.POSITIVE_INFINITY) return;
    this.#timer = setTimeout(look, Math.min(Math.max(leftMs, 1), TIMER_MS_MAX), this).unref();
  }
}

const look = (expiry: Expiry): void => expiry.look();
