/** Joins the two sockets of a session: bytes in, bytes out, who waits for whom, and how it ends. */
import type { Socket } from "node:net";
import type { PostgresConnection } from "#core/api/kinds.gen.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { RelayEnd, Tap } from "../protocol.ts";
import { errorResponse } from "#core/wire/postgres/messages.ts";
import { sayLast } from "../peer.ts";
import { onBytes } from "../shared-reads.ts";
import { Backend } from "./backend.ts";
import { type Analyse, changedBy, refusalOf, SessionCore } from "./core.ts";
import { frontend } from "./frontend.ts";
import { Intake } from "./intake.ts";
import type { MemoryBudget } from "./long-row.ts";
import { TERMINATE } from "./marker.ts";
import type { SessionCatalog } from "./masking.ts";
import type { Withheld } from "./notices.ts";
import { Outbox } from "./outbox.ts";
import { refusalFatal } from "./refusals.ts";
import type { SearchPath } from "./search-path.ts";

export interface RelayParts {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly analyse: Analyse;
  readonly catalog: SessionCatalog;
  readonly path: SearchPath;
  readonly budget: MemoryBudget;
  readonly withheld: Withheld;
  /** The session began with settings under which texts may mean something else. */
  readonly isTainted?: boolean;
  readonly cancel: () => Promise<boolean>;
  /** What becomes of a running statement after the client's FIN. */
  readonly whenClientCloses: WhenClientCloses;
}

type WhenClientCloses = NonNullable<PostgresConnection["whenClientCloses"]>;

const INTERNAL_ERROR = errorResponse({
  severity: "FATAL",
  code: "XX000",
  message: "the gateway failed and has to end this session",
});
const NOTHING = Buffer.alloc(0);

/** A statement that goes on that long after it was cancelled is left behind with its connection. */
const CANCEL_MS_MAX = 10_000;

export class Relay {
  readonly #parts: RelayParts;
  readonly #core: SessionCore;
  readonly #intake: Intake;
  readonly #backend: Backend;
  readonly #ended: Promise<RelayEnd>;
  #resolve: (end: RelayEnd) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #clientFinished = false;
  /** It has answered the client's goodbye with its own: what it has said is still to be told. */
  #upstreamFinished = false;

  constructor(parts: RelayParts, tap: Tap) {
    this.#parts = parts;
    this.#ended = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { analyse, catalog, path, budget, withheld } = parts;
    const onBug = (error: unknown): void => this.#bug(error);
    this.#core = new SessionCore({
      tap,
      analyse,
      catalog,
      path,
      budget,
      withheld,
      toClient: new Outbox(parts.client),
      toUpstream: new Outbox(parts.upstream),
      cancel: () => this.#cancelRunning(),
      poke: () => this.#poke(),
      fail: (why) => this.#fail(why),
    });
    this.#core.isTainted = parts.isTainted ?? false;
    this.#intake = new Intake(this.#core, frontend, onBug);
    this.#backend = new Backend(this.#core, this.#intake, onBug);
    tap.onChange(() => this.#changed());
    tap.onRoom(() => this.#poke());
  }

  async run(signal: AbortSignal): Promise<RelayEnd> {
    const aborted = (): void => {
      const { reason } = signal as { reason: unknown };
      const isStop = typeof reason === "object" && reason !== null && isRefusal(reason);
      this.#fail(isStop ? reason : refusal("SHUTTING_DOWN"));
    };
    signal.addEventListener("abort", aborted);
    try {
      this.#attach();
      if (signal.aborted) aborted();
      return await this.#ended;
    } finally {
      signal.removeEventListener("abort", aborted);
      this.#core.hasEnded = true;
      this.#backend.close();
      this.#intake.close();
      this.#reportLost();
      this.#parts.client.destroy();
      this.#parts.upstream.destroy();
    }
  }

  get isRunning(): boolean {
    return this.#core.expected.length > 0;
  }

  #attach(): void {
    const { client, upstream } = this.#parts;
    onBytes(client, (chunk) => {
      this.#intake.push(chunk);
      this.#settle();
    });
    onBytes(upstream, (chunk) => {
      this.#backend.push(chunk);
      this.#intake.run();
      this.#settle();
    });
    client.on("drain", () => this.#settle());
    upstream.on("drain", () => this.#settle());
    client.on("end", () => {
      this.#clientFinished = true;
      if (this.#parts.whenClientCloses === "cancel" && !this.#isDone()) this.#clientGone();
      else this.#settle();
    });
    client.on("close", () => this.#clientGone());
    upstream.on("end", () => this.#upstreamGone());
    upstream.on("close", () => this.#upstreamGone());
    client.resume();
    upstream.resume();
    // Their events were before our time.
    if (client.destroyed) this.#clientGone();
    if (upstream.destroyed) this.#upstreamGone();
  }

  #poke(): void {
    if (this.#core.hasEnded) return;
    this.#intake.run();
    if (!this.#backend.isWaiting) this.#backend.run();
    this.#settle();
  }

  /** Each side is read only as fast as the other takes it, and only while the record keeps up. */
  #settle(): void {
    if (this.#core.hasEnded) return;
    const { client, upstream } = this.#parts;
    const { isFull } = this.#core.parts.tap;
    flow(client, !upstream.writableNeedDrain && !this.#intake.isFull);
    flow(upstream, !client.writableNeedDrain && !isFull && !this.#backend.isWaiting);
    if (this.#isDone()) this.#finish({ by: "client", refusal: undefined });
  }

  /** When what was asked before Terminate, or FIN, has been answered and delivered. */
  #isDone(): boolean {
    if (this.#intake.hasTerminated) return this.#isAnswered();
    if (!this.#clientFinished || !this.#intake.isIdle) return false;
    return this.#core.expected.length === 0 || this.#core.copyingIn;
  }

  /** After Terminate the upstream ends the session when it has come so far, and a group without its Sync is never answered. */
  #isAnswered(): boolean {
    const { expected, copyingIn } = this.#core;
    return expected.length === 0 || copyingIn || (this.#upstreamFinished && !this.#backend.isWaiting);
  }

  #finish(end: RelayEnd): void {
    if (this.#core.hasEnded) return;
    this.#core.hasEnded = true;
    const { client, upstream } = this.#parts;
    if (!upstream.destroyed && upstream.writable)
      upstream.end(this.#intake.hasTerminated ? NOTHING : TERMINATE);
    if (client.destroyed) return this.#resolve(end);
    client.end(() => this.#resolve(end));
    client.once("close", () => this.#resolve(end));
  }

  /** Reset, a failed write, or a FIN that counts as such: nobody is left to take what the upstream is still working on. */
  #clientGone(): void {
    if (this.#core.hasEnded) return;
    this.#core.hasEnded = true;
    const end: RelayEnd = { by: "client", refusal: undefined };
    if (!this.isRunning) return this.#resolve(end);
    void this.#parts.cancel().finally(() => this.#resolve(end));
  }

  #upstreamGone(): void {
    if (this.#core.hasEnded) return;
    if (this.#intake.hasTerminated) {
      this.#upstreamFinished = true;
      return this.#settle();
    }
    this.#core.hasEnded = true;
    const why = refusal("UPSTREAM_PROTOCOL", "the upstream ended the session");
    const end: RelayEnd = { by: "upstream", refusal: undefined };
    const last = this.#backend.hasSaidFatal ? NOTHING : this.#farewell(refusalFatal(why));
    void sayLast(this.#parts.client, last).finally(() => this.#resolve(end));
  }

  #fail(why: Refusal): void {
    if (this.#core.hasEnded) return;
    this.#core.parts.toClient.flush();
    this.#core.hasEnded = true;
    this.#end(refusalFatal(why), () => this.#resolve({ by: "gateway", refusal: why }));
  }

  #bug(error: unknown): void {
    if (this.#core.hasEnded) return;
    this.#core.hasEnded = true;
    this.#end(INTERNAL_ERROR, () => this.#reject(error));
  }

  #end(last: Buffer, then: () => void): void {
    const cancelled = this.isRunning ? this.#parts.cancel() : Promise.resolve(false);
    const told = sayLast(this.#parts.client, this.#farewell(last));
    void Promise.all([cancelled, told]).finally(then);
  }

  /** In the middle of a message nothing can be said any more. */
  #farewell(last: Buffer): Buffer {
    return this.#backend.isBetweenMessages ? last : NOTHING;
  }

  async #cancelRunning(): Promise<void> {
    const { expected } = this.#core;
    // By its number: the slot itself is used again for later requests.
    const { serial, stop } = expected.head ?? { serial: -1, stop: undefined };
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      if (stop !== undefined && expected.head?.serial === serial) this.#fail(stop);
    }, CANCEL_MS_MAX);
    this.#timers.add(timer);
    await this.#parts.cancel();
  }

  readonly #timers = new Set<NodeJS.Timeout>();

  /** Everything that is running, or waits to be, is looked at again. */
  #changed(): void {
    const core = this.#core;
    if (core.hasEnded) return;
    core.generation += 1;
    core.adoptObligations();
    this.#backend.adoptMasks();
    for (let index = 0; index < core.expected.length; index += 1) {
      const slot = core.expected.at(index);
      if (slot === undefined) break;
      slot.masked = false;
      if (slot.facts === undefined || slot.request < 0) continue;
      const decision = core.parts.tap.recheck(slot.facts);
      if (decision.outcome !== "allow") core.stop(slot, changedBy(refusalOf(decision)), "cancelled");
      else if (core.masks.length > 0) this.#recheckCopy(slot);
    }
    this.#poke();
  }

  #recheckCopy(slot: NonNullable<ReturnType<SessionCore["expected"]["at"]>>): void {
    const { masks, parts } = this.#core;
    for (const facts of slot.facts?.statements ?? []) {
      const refused = parts.catalog.columns.copyOut(facts, masks);
      if (refused !== undefined) this.#core.stop(slot, refused, "cancelled");
    }
  }

  #reportLost(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    const { expected, parts } = this.#core;
    for (let index = 0; index < expected.length; index += 1) {
      const slot = expected.at(index);
      if (slot === undefined || slot.own || slot.request < 0) continue;
      const { rows, bytes, maskedValues } = slot;
      parts.tap.result(slot.request, { ended: "lost", rows, bytes, maskedValues });
    }
  }
}

function flow(socket: Socket, open: boolean): void {
  if (open && socket.isPaused()) socket.resume();
  else if (!open && !socket.isPaused()) socket.pause();
}
