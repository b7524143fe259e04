/**
 * The broker port over a unix socket, as the data plane holds it. It comes back by itself after a loss; what each operation
 * in flight makes of one stands in the table of operations, and docs/operations/losses.md tells it to people.
 */
import type { AnswerOf, CallOperation, RequestOf } from "#core/port/operations.ts";
import {
  type AppendAnswer,
  type BrokerPort,
  type Challenge,
  type ExchangeRequest,
  type Hello,
  type IdentifyRequest,
  type LeaseGrant,
  type LeaseId,
  PORT_VERSIONS,
  type PlanPush,
  type Proof,
  type Push,
  type Report,
  type SealedEvent,
  type SessionGrant,
  type SessionId,
  type Welcome,
} from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Log } from "#runtime/log.ts";
import { Calls, noBroker } from "./calls.ts";
import { Link } from "./link.ts";

export interface UplinkOptions {
  readonly path: string;
  /** This process's name, as `status` shows it. */
  readonly worker: string;
  /** Random, of this run of the process. */
  readonly run: string;
  readonly log: Log;
  /** Between 0 and 1, for back-offs that do not meet. */
  readonly chance: () => number;
}

export type UplinkState = "connected" | "away";

const BACK_OFF_MS_MIN = 50;
const BACK_OFF_MS_MAX = 5_000;

export class Uplink implements BrokerPort, AsyncDisposable {
  readonly #options: UplinkOptions;
  readonly #calls = new Calls();
  readonly #listeners = new Set<(push: Push) => void>();
  readonly #waitingForConnection = new Set<() => void>();
  #link: Link | undefined;
  #welcome: Welcome | undefined;
  #plan: PlanPush | undefined;
  #applied: { readonly worker: string; readonly planVersion: string } | undefined;
  #report: Report | undefined;
  #attempts = 0;
  #retry: NodeJS.Timeout | undefined;
  #disposed = false;
  #ended: (() => void) | undefined;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#connect();
  }

  get state(): UplinkState {
    return this.#welcome === undefined ? "away" : "connected";
  }

  /** Resolves with the next connection, at once when there is one. */
  async connected(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.state === "connected") return;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const abort = (): void => reject(signal.reason as Error);
    signal.addEventListener("abort", abort, { once: true });
    this.#waitingForConnection.add(resolve);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#waitingForConnection.delete(resolve);
    }
  }

  /** Said with each connection already: tells what came of it. */
  async hello(_hello: Hello, signal: AbortSignal): Promise<Welcome | Refusal> {
    signal.throwIfAborted();
    return this.#welcome ?? refusal("BROKER_UNREACHABLE");
  }

  async identify(request: IdentifyRequest, signal: AbortSignal): Promise<SessionGrant | Refusal> {
    try {
      return await this.#call("identify", request, signal);
    } finally {
      // The receiver of a token wipes it, and this side of the socket has received it from the client's.
      if (request.evidence.kind === "token") request.evidence.token.fill(0);
    }
  }

  exchange(request: ExchangeRequest, signal: AbortSignal): Promise<LeaseGrant | Refusal> {
    return this.#call("exchange", request, signal);
  }

  renew(lease: LeaseId, signal: AbortSignal): Promise<LeaseGrant | Refusal> {
    return this.#call("renew", { lease }, signal);
  }

  async release(lease: LeaseId, signal: AbortSignal): Promise<void> {
    await this.#call("release", { lease }, signal);
  }

  prove(lease: LeaseId, challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal> {
    return this.#call("prove", { lease, challenge }, signal);
  }

  hold(session: SessionId, question: string, signal: AbortSignal): Promise<"approved" | Refusal> {
    return this.#call("hold", { session, question }, signal);
  }

  append(batch: readonly SealedEvent[], signal: AbortSignal): Promise<readonly AppendAnswer[] | Refusal> {
    return this.#call("append", { batch }, signal);
  }

  subscribe(listener: (push: Push) => void, signal: AbortSignal): void {
    if (signal.aborted) return;
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => this.#listeners.delete(listener), { once: true });
    if (this.#plan !== undefined) listener(this.#plan);
  }

  applied(worker: string, planVersion: string): void {
    this.#applied = { worker, planVersion };
    if (this.state === "connected") this.#link?.tell("applied", this.#applied);
  }

  report(report: Report): void {
    this.#report = report;
    if (this.state === "connected") this.#link?.tell("report", report);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    clearTimeout(this.#retry);
    const link = this.#link;
    if (link !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#ended = resolve;
      link.end();
      await promise;
    }
    this.#calls.giveUp();
  }

  #call<O extends CallOperation>(
    operation: O,
    request: RequestOf<O>,
    signal: AbortSignal,
  ): Promise<AnswerOf<O>> {
    if (this.#disposed) return Promise.resolve(noBroker(operation));
    return this.#calls.ask(operation, request, signal);
  }

  #connect(): void {
    const link = new Link({
      path: this.#options.path,
      onPush: (push) => this.#pushed(push),
      onEnd: (cause) => this.#lost(link, cause),
    });
    this.#link = link;
    const { worker, run } = this.#options;
    const hello: Hello = { versions: PORT_VERSIONS, worker, run };
    link.call("hello", hello, (outcome) => {
      if ("fault" in outcome) return link.end(new Error("the broker failed at the greeting"));
      if (isRefusal(outcome.answer)) return link.end(new Error(outcome.answer.publicText));
      this.#welcomed(link, outcome.answer);
    });
  }

  #welcomed(link: Link, welcome: Welcome): void {
    this.#welcome = welcome;
    this.#attempts = 0;
    this.#options.log.info("connected to the broker", { broker: welcome.broker, version: welcome.version });
    link.subscribe();
    if (this.#applied !== undefined) link.tell("applied", this.#applied);
    if (this.#report !== undefined) link.tell("report", this.#report);
    this.#calls.attach(link);
    for (const resolve of this.#waitingForConnection) resolve();
  }

  #pushed(push: Push): void {
    if (push.kind === "plan") {
      // Pushed anew with each connection; the same version is the same content.
      if (push.version === this.#plan?.version) return;
      this.#plan = push;
    }
    for (const listener of this.#listeners) listener(push);
  }

  #lost(link: Link, cause: Error | undefined): void {
    if (link !== this.#link) return;
    const wasConnected = this.state === "connected";
    this.#link = undefined;
    this.#welcome = undefined;
    this.#calls.detach();
    this.#ended?.();
    if (this.#disposed) return;
    const waitMs = this.#backOffMs();
    const fields = { cause: cause?.message ?? "it closed the connection", retryMs: Math.round(waitMs) };
    if (wasConnected || this.#attempts === 1) this.#options.log.warn("the broker is away", fields);
    this.#retry = setTimeout(() => this.#connect(), waitMs);
  }

  /** At once the first time, then longer and longer, and never in step with the others. */
  #backOffMs(): number {
    const ceiling = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    return ceiling * this.#options.chance();
  }
}
