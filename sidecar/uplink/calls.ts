/** Calls that wait for their answer, across connections: what a loss makes of each is its row's to say. */
import { callRow } from "#core/port/messages.ts";
import type { AnswerOf, CallOperation, RequestOf } from "#core/port/operations.ts";
import { refusal } from "#core/values/refusal.ts";
import type { Link, Outcome } from "./link.ts";

/** Below what the broker allows of one connection. */
const IN_FLIGHT_MAX = 3_500;
/** Leases that could not be given back end by themselves; more of them are not worth remembering. */
const RESENT_MAX = 8_192;

interface Pending {
  readonly operation: CallOperation;
  /** Sends it on the link. */
  send(link: Link): number;
  fail(): void;
  /** Where it has gone out; undefined while it waits for a link. */
  sent: { readonly link: Link; readonly id: number } | undefined;
}

export class Calls {
  /** In the order they were asked, which is the order they go out in again. */
  readonly #pending = new Set<Pending>();
  #link: Link | undefined;
  /** Whether any of the pending has not gone out. */
  #unsent = false;

  ask<O extends CallOperation>(
    operation: O,
    request: RequestOf<O>,
    signal: AbortSignal,
  ): Promise<AnswerOf<O>> {
    if (signal.aborted) return Promise.reject(signal.reason as Error);
    const resent = callRow(operation).onLoss === "resend";
    if (this.#link === undefined && !resent) return Promise.resolve(noBroker(operation));
    if (resent ? this.#pending.size >= RESENT_MAX : this.#isBusy())
      return Promise.resolve(noBroker(operation, "LIMIT_GATEWAY"));
    const { promise, resolve, reject } = Promise.withResolvers<AnswerOf<O>>();
    const settled = (answer: AnswerOf<O>): void => {
      this.#pending.delete(pending);
      signal.removeEventListener("abort", aborted);
      resolve(answer);
    };
    const pending: Pending = {
      operation,
      sent: undefined,
      send: (link) =>
        link.call(operation, request, (outcome: Outcome<O>) => {
          settled("fault" in outcome ? noBroker(operation) : outcome.answer);
          this.#pump();
        }),
      fail: () => settled(noBroker(operation)),
    };
    const aborted = (): void => {
      this.#pending.delete(pending);
      // What has to arrive arrives all the same: only the wait for it ends.
      if (!resent) pending.sent?.link.cancel(pending.sent.id);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", aborted, { once: true });
    this.#pending.add(pending);
    this.#send(pending);
    return promise;
  }

  /** What is asked from now on goes out on it. What is under way on another one stays there. */
  attach(link: Link): void {
    this.#link = link;
    this.#unsent = true;
    this.#pump();
  }

  /** The link is lost. */
  detach(link: Link): void {
    if (this.#link === link) this.#link = undefined;
    for (const pending of this.#pending) {
      if (pending.sent !== undefined && pending.sent.link !== link) continue;
      const isSent = pending.sent !== undefined;
      pending.sent = undefined;
      if (callRow(pending.operation).onLoss === "resend") this.#unsent = true;
      else if (isSent || this.#link === undefined) pending.fail();
    }
    this.#pump();
  }

  /** What is asked of another broker than before has to be asked anew. */
  fail(operation: CallOperation): void {
    for (const pending of this.#pending) if (pending.operation === operation) pending.fail();
  }

  giveUp(): void {
    this.#link = undefined;
    for (const pending of this.#pending) pending.fail();
  }

  #isBusy(): boolean {
    return (this.#link?.inFlight ?? 0) >= IN_FLIGHT_MAX;
  }

  #send(pending: Pending): void {
    // Order matters among those that are resent: events of one session must not overtake each other.
    if (this.#link === undefined || this.#isBusy() || (this.#unsent && isResent(pending)))
      this.#unsent = true;
    else pending.sent = { link: this.#link, id: pending.send(this.#link) };
  }

  #pump(): void {
    if (!this.#unsent || this.#link === undefined) return;
    this.#unsent = false;
    for (const pending of this.#pending) {
      if (pending.sent !== undefined) continue;
      if (this.#isBusy()) {
        this.#unsent = true;
        return;
      }
      pending.sent = { link: this.#link, id: pending.send(this.#link) };
    }
  }
}

function isResent({ operation }: Pending): boolean {
  return callRow(operation).onLoss === "resend";
}

/** What a call comes to without a broker: `release` has nothing to say, all others have a refusal. */
export function noBroker<O extends CallOperation>(
  operation: O,
  code: "BROKER_UNREACHABLE" | "LIMIT_GATEWAY" = "BROKER_UNREACHABLE",
): AnswerOf<O> {
  const answer = operation === "release" ? undefined : refusal(code);
  return answer as AnswerOf<O>;
}
