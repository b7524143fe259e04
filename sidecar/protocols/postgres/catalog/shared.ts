/** The catalog of one database as one role sees it, read once for all of its sessions and read again as it ages. */
import type { ColumnMask } from "#core/policy/decision.ts";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { isRefusal, type Refusal } from "#core/values/refusal.ts";
import type { UpstreamLogin } from "../login.ts";
import { maskKey, readDatabase, type Reading } from "./reading.ts";
import { hasRead } from "./resolver.ts";
import type { CatalogSettings } from "./settings.ts";
import { SideConnection, SideFailure } from "./side-connection.ts";
import { STATISTICS_MASKS } from "./statistics.ts";

/** A session that shares it, which can open another connection like its own. */
export interface Member {
  readonly logIn: (signal: AbortSignal) => Promise<UpstreamLogin | Refusal>;
  /** What the session has to mask now. */
  masks: readonly ColumnMask[];
}

export interface ServerFacts {
  readonly stock: Catalog;
  readonly isNewer: boolean;
}

/** Readings of the same content are the same object, whichever role they were read for. */
export type Pool = Map<string, WeakRef<Reading>>;

export class SharedCatalog {
  readonly #server: ServerFacts;
  readonly #settings: CatalogSettings;
  readonly #pool: Pool;
  readonly #members = new Set<Member>();
  readonly #stop = new AbortController();
  #side: SideConnection | undefined;
  #idle: NodeJS.Timeout | undefined;
  /** The last one, or why there is none. */
  #reading: Reading | string = "the catalog has not been read yet";
  /** When the last good one began, and how long it took. */
  #readMs = -Infinity;
  #tookMs = 0;
  #lookedMs = -Infinity;
  #failedMs = -Infinity;
  #running: Promise<void> | undefined;
  #waiting = 0;
  #bug: unknown;
  /** Counts the readings that were begun, so that one can tell whether a reading began after a change. */
  #begun = 0;
  /** The number of the last good one. */
  #done = 0;
  leftMs = Infinity;

  constructor(server: ServerFacts, settings: CatalogSettings, pool: Pool) {
    this.#server = server;
    this.#settings = settings;
    this.#pool = pool;
  }

  get reading(): Reading | string {
    return this.#reading;
  }

  get hasMembers(): boolean {
    return this.#members.size > 0;
  }

  /** A reading that is begun from now on has at least this number. */
  get nextReading(): number {
    return this.#begun + 1;
  }

  join(member: Member): void {
    this.#members.add(member);
    this.leftMs = Infinity;
  }

  /** The last to leave closes the connection: it is one of a role that may be taken back now. */
  leave(member: Member): void {
    this.#members.delete(member);
    if (this.hasMembers) return;
    this.leftMs = performance.now();
    this.#closeSide();
  }

  async dispose(): Promise<void> {
    this.#stop.abort(new SideFailure("the gateway is shutting down"));
    await this.#running;
    this.#closeSide();
  }

  /** Undefined when what is known will do: it covers the masks, and was begun with that number or later. */
  ready(masks: readonly ColumnMask[], atLeast: number): Promise<void> | undefined {
    if (this.#bug !== undefined) return Promise.reject(this.#takeBug());
    const nowMs = performance.now();
    const { freshMs, staleMs } = this.#ages();
    const { retryMs } = this.#settings;
    const mayTry = this.#running === undefined && nowMs - this.#failedMs >= retryMs;
    if (typeof this.#reading === "string") {
      if (this.#failedMs === -Infinity) return this.#until(masks, atLeast);
      // Texts are not held up by a database that cannot be read: they are judged without it, and it is tried again.
      if (mayTry) this.#beside();
      return undefined;
    }
    const ageMs = nowMs - this.#readMs;
    if (ageMs >= staleMs || !this.#isEnough(masks, atLeast)) return this.#until(masks, atLeast);
    if (ageMs >= freshMs && mayTry) this.#beside();
    return undefined;
  }

  /** Whether the last reading was begun with that number or later, and is not too old. */
  isCurrent(atLeast: number): boolean {
    return this.#done >= atLeast && performance.now() - this.#readMs < this.#ages().staleMs;
  }

  /** Nobody waits for it: it is begun when it is due, and what sessions change does not make it due without a pause. */
  follow(atLeast: number): void {
    if (this.#bug !== undefined) throw this.#takeBug();
    const { followMs, agePerCost, retryMs } = this.#settings;
    const nowMs = performance.now();
    if (this.#running !== undefined || nowMs - this.#failedMs < retryMs) return;
    const ageMs = nowMs - this.#readMs;
    const isOwed = this.#done < atLeast && ageMs >= Math.max(followMs, this.#tookMs * agePerCost);
    if (isOwed || ageMs >= this.#ages().freshMs) this.#beside();
  }

  /** For a session that last had it read for its sake at `lastMs`. Resolves when a reading has ended that began no earlier than now. */
  lookAgain(masks: readonly ColumnMask[], lastMs: number): Promise<void> | undefined {
    const nowMs = performance.now();
    const { lookMs, lookPerCost } = this.#settings;
    if (nowMs - lastMs < lookMs || nowMs - this.#lookedMs < this.#tookMs * lookPerCost) return undefined;
    this.#lookedMs = nowMs;
    return this.readAgain(masks);
  }

  /** What takes long to read is read more seldom. */
  #ages(): { readonly freshMs: number; readonly staleMs: number } {
    const { freshMs, staleMs, agePerCost } = this.#settings;
    const affordableMs = Math.max(freshMs, this.#tookMs * agePerCost);
    return { freshMs: affordableMs, staleMs: Math.max(staleMs, 2 * affordableMs) };
  }

  /** Resolves when a reading has ended that began no earlier than now. */
  readAgain(masks: readonly ColumnMask[]): Promise<void> {
    return this.#until(masks, this.nextReading);
  }

  #isEnough(masks: readonly ColumnMask[], atLeast: number): boolean {
    return typeof this.#reading === "string" || (this.#done >= atLeast && hasRead(this.#reading, masks));
  }

  async #until(masks: readonly ColumnMask[], atLeast: number): Promise<void> {
    this.#waiting += 1;
    try {
      // The one under way may have begun too early, or for other masks; the one after it has not.
      do await (this.#running ?? this.#begin());
      while (!this.#isEnough(masks, atLeast));
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Nobody waits for it, so what must not go unheard is kept for the next who asks. */
  #beside(): void {
    this.#begin().catch((error: unknown) => {
      this.#bug = error;
    });
  }

  /** Told once: whoever asks next may have more luck. */
  #takeBug(): Error {
    const cause = this.#bug;
    this.#bug = undefined;
    return new Error("reading a catalog failed", { cause });
  }

  /** One at a time. */
  #begin(): Promise<void> {
    this.#running = this.#read();
    return this.#running;
  }

  async #read(): Promise<void> {
    this.#begun += 1;
    const number = this.#begun;
    const signal = AbortSignal.any([this.#stop.signal, AbortSignal.timeout(this.#settings.readMs)]);
    const beganMs = performance.now();
    try {
      this.#reading = await this.#readOnce(signal);
      this.#done = number;
      this.#readMs = beganMs;
      this.#tookMs = performance.now() - beganMs;
    } catch (error) {
      this.#closeSide();
      this.#failedMs = performance.now();
      const problem = problemOf(error, signal);
      // What is known holds for its time, unless somebody knows better.
      const isOld = performance.now() - this.#readMs >= this.#ages().staleMs;
      if (isOld || this.#waiting > 0 || typeof this.#reading === "string") this.#reading = problem;
    } finally {
      this.#running = undefined;
      this.#closeWhenIdle();
    }
  }

  async #readOnce(signal: AbortSignal): Promise<Reading> {
    clearTimeout(this.#idle);
    const masks = this.#masks();
    const { limits } = this.#settings;
    const question = { ...this.#server, masks, limits };
    const known = (digest: string): Reading | undefined => this.#pool.get(digest)?.deref();
    const reading = await this.#fromSide((side) => readDatabase(side, question, known, signal), signal);
    this.#pool.set(reading.digest, new WeakRef(reading));
    return reading;
  }

  async #fromSide(read: (side: SideConnection) => Promise<Reading>, signal: AbortSignal): Promise<Reading> {
    const kept = this.#side;
    if (kept?.isOpen === true) {
      try {
        return await read(kept);
      } catch (error) {
        // The server may have closed it while nobody looked.
        if (signal.aborted || kept.isOpen) throw error;
        this.#closeSide();
      }
    }
    return read(await this.#open(signal));
  }

  /** Of all sessions, so that they share what is read. */
  #masks(): readonly ColumnMask[] {
    const masks = [...this.#members].flatMap((member) => member.masks);
    if (masks.length === 0) return masks;
    return [...new Map([...masks, ...STATISTICS_MASKS].map((mask) => [maskKey(mask), mask])).values()];
  }

  async #open(signal: AbortSignal): Promise<SideConnection> {
    let failure: Refusal | undefined;
    // The newest first: its right to log in is the freshest.
    for (const member of [...this.#members].reverse().slice(0, LOGINS_MAX)) {
      const login = await member.logIn(signal);
      if (!isRefusal(login)) return (this.#side = new SideConnection(login.socket));
      failure = login;
    }
    throw new SideFailure(failure?.publicText ?? "no session is left that could read it");
  }

  #closeWhenIdle(): void {
    clearTimeout(this.#idle);
    if (!this.hasMembers) return this.#closeSide();
    this.#idle = setTimeout(() => this.#closeSide(), this.#settings.idleMs);
    this.#idle.unref();
  }

  #closeSide(): void {
    clearTimeout(this.#idle);
    this.#side?.close();
    this.#side = undefined;
  }
}

/** One member's lease may have just ended; a second one's hardly. */
const LOGINS_MAX = 2;

/** What a client may hear of it. A bug is not hidden behind it. */
function problemOf(error: unknown, signal: AbortSignal): string {
  const what = "the gateway cannot read the database's catalog now";
  if (signal.aborted) return `${what}: it takes too long`;
  if (error instanceof SideFailure) return `${what}: ${error.message}`;
  if (error instanceof MalformedMessage) return `${what}: the upstream broke its protocol`;
  if (error instanceof Error && "code" in error) return `${what}: the upstream cannot be reached`;
  throw error;
}
