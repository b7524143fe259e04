/**
 * The broker port over whatever carries it, as the data plane holds it. It comes back by itself after a loss; what each operation
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
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { Log } from "#runtime/log.ts";
import { Calls, noBroker } from "./calls.ts";
import { type Carrier, NotWelcome } from "./carrier.ts";
import { type Greeted, greet } from "./greeting.ts";
import type { Link } from "./link.ts";

export interface UplinkOptions {
  readonly carrier: Carrier;
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
/** Between tries for a connection that shall take the place of one that is still good. */
const SUCCESSOR_MS_MAX = 30_000;
/** Timers count in 32 bits. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export class Uplink implements BrokerPort, AsyncDisposable {
  readonly #options: UplinkOptions;
  readonly #calls = new Calls();
  readonly #listeners = new Set<(push: Push) => void>();
  readonly #welcomeListeners = new Set<(broker: string) => void>();
  readonly #refusedListeners = new Set<(why: Refusal) => void>();
  readonly #waitingForConnection = new Set<() => void>();
  /** The one that is asked. */
  #link: Link | undefined;
  /** That one, and those that have given way but still owe an answer. */
  readonly #links = new Set<Link>();
  #welcome: Welcome | undefined;
  /** The broker of this connection or of the last one. */
  #broker: string | undefined;
  #run: string | undefined;
  #refused: Refusal | undefined;
  #plan: PlanPush | undefined;
  #applied: { readonly worker: string; readonly planVersion: string } | undefined;
  #report: Report | undefined;
  readonly #stopped = new AbortController();
  #connecting: Promise<void> | undefined;
  #attempts = 0;
  #nextTry: NodeJS.Timeout | undefined;
  #allEnded: (() => void) | undefined;

  constructor(options: UplinkOptions) {
    this.#options = options;
    this.#connect();
  }

  get state(): UplinkState {
    return this.#welcome === undefined ? "away" : "connected";
  }

  /** Why the broker would not have us when it was last asked; undefined when it has us, or cannot be asked. */
  get refused(): Refusal | undefined {
    return this.#refused;
  }

  /** The name of the broker that it is connected to, or was last. */
  get broker(): string | undefined {
    return this.#broker;
  }

  /** Which process of that broker it is or was; another one knows nothing of what this one was told. */
  get run(): string | undefined {
    return this.#run;
  }

  /** Called with each connection, before anybody hears what became of a call on the last one. */
  onWelcome(listener: (broker: string) => void): void {
    this.#welcomeListeners.add(listener);
  }

  /** Called each time that the broker would not have us. */
  onRefused(listener: (why: Refusal) => void): void {
    this.#refusedListeners.add(listener);
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
      // Whoever wants a session now is told what keeps it from them.
      if (this.state === "away" && this.#refused !== undefined) return this.#refused;
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
    this.#stopped.abort(new Error("the data plane stops"));
    clearTimeout(this.#nextTry);
    await this.#connecting;
    if (this.#links.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#allEnded = resolve;
      for (const link of this.#links) link.end();
      await promise;
    }
    this.#calls.giveUp();
  }

  #call<O extends CallOperation>(
    operation: O,
    request: RequestOf<O>,
    signal: AbortSignal,
  ): Promise<AnswerOf<O>> {
    if (this.#stopped.signal.aborted) return Promise.resolve(noBroker(operation));
    return this.#calls.ask(operation, request, signal);
  }

  #connect(): void {
    this.#connecting ??= this.#greet().finally(() => {
      this.#connecting = undefined;
    });
  }

  async #greet(): Promise<void> {
    const { carrier, worker, run } = this.#options;
    const hello: Hello = { versions: PORT_VERSIONS, worker, run };
    const onPush = (push: Push): void => this.#pushed(push);
    const onLost = (link: Link, cause: Error | undefined): void => this.#lost(link, cause);
    const { signal } = this.#stopped;
    try {
      this.#welcomed(await greet({ carrier, hello, onPush, onLost }, signal));
    } catch (error) {
      if (!signal.aborted) this.#notConnected(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #welcomed({ link, welcome, replaceInMs }: Greeted): void {
    const { carrier, log } = this.#options;
    const before = this.#link;
    this.#refused = undefined;
    this.#link = link;
    this.#links.add(link);
    this.#welcome = welcome;
    this.#attempts = 0;
    log.info("connected to the broker", { broker: welcome.broker, version: welcome.version });
    link.subscribe();
    if (this.#applied !== undefined) link.tell("applied", this.#applied);
    if (this.#report !== undefined) link.tell("report", this.#report);
    // A batch is sealed for the log that it goes to: the sender has to hear that there is another one.
    if (this.#broker !== undefined && this.#broker !== welcome.broker) this.#calls.fail("append");
    this.#broker = welcome.broker;
    this.#run = JSON.stringify([welcome.broker, welcome.run]);
    this.#calls.attach(link);
    // In this very turn: whatever waits for its answer goes on in a later one.
    for (const listener of this.#welcomeListeners) listener(welcome.broker);
    // What was asked on the one before is answered there.
    before?.retire();
    if (carrier.heartbeatMs !== undefined) link.keepAlive(carrier.heartbeatMs);
    clearTimeout(this.#nextTry);
    if (replaceInMs !== undefined) this.#tryIn(replaceInMs);
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
    this.#links.delete(link);
    const isCurrent = link === this.#link;
    if (isCurrent) {
      this.#link = undefined;
      this.#welcome = undefined;
    }
    this.#calls.detach(link);
    if (this.#links.size === 0) this.#allEnded?.();
    if (isCurrent && !this.#stopped.signal.aborted) this.#away(cause);
  }

  #notConnected(cause: Error): void {
    const refused = cause instanceof NotWelcome ? cause.refusal : undefined;
    if (refused !== undefined) for (const listener of this.#refusedListeners) listener(refused);
    // With a connection that is still good, it has us.
    this.#refused = this.#link === undefined ? refused : undefined;
    if (this.#link === undefined) return this.#away(cause);
    this.#options.log.warn("no other connection to the broker yet", { cause: cause.message });
    this.#tryIn(SUCCESSOR_MS_MAX * (0.5 + this.#options.chance() / 2));
  }

  #away(cause: Error | undefined): void {
    const wasConnected = this.#attempts === 0;
    const waitMs = this.#backOffMs();
    const fields = { cause: cause?.message ?? "it closed the connection", retryMs: Math.round(waitMs) };
    if (wasConnected) this.#options.log.warn("the broker is away", fields);
    this.#tryIn(waitMs);
  }

  #tryIn(waitMs: number): void {
    clearTimeout(this.#nextTry);
    this.#nextTry = setTimeout(() => this.#connect(), Math.min(Math.max(waitMs, 0), TIMER_MS_MAX));
  }

  /** At once the first time, then longer and longer, and never in step with the others. */
  #backOffMs(): number {
    const ceiling = Math.min(BACK_OFF_MS_MAX, BACK_OFF_MS_MIN * 2 ** this.#attempts);
    this.#attempts = Math.min(this.#attempts + 1, 16);
    return ceiling * this.#options.chance();
  }
}
