/** Keys that have work to do: each at most once in line, each with one worker at a time, and again after growing pauses where it failed. */
import { type Clock, pause, systemClock } from "./clock.ts";
import type { ObjectKey } from "./resource.ts";

export interface WorkQueue {
  /** In line, being worked on, and waiting for their time. */
  readonly size: number;
  add(key: ObjectKey): void;
  /** When both a sooner and a later time are asked for, the sooner one counts. */
  addAfter(key: ObjectKey, ms: number): void;
  /** After a pause that doubles with each failure in a row. Returns the pause. */
  retry(key: ObjectKey): number;
  /** It went well: the next failure is the first again. */
  forget(key: ObjectKey): void;
  /** Waits for the next key; undefined once the queue is closed and empty. Each has to be given back by `done`. */
  take(): Promise<ObjectKey | undefined>;
  done(key: ObjectKey): void;
  /** Takes nothing new. What is in line is still handed out; what waits for its time is dropped. */
  close(): void;
}

export interface WorkQueueOptions {
  readonly clock?: Clock;
  readonly firstPauseMs?: number;
  readonly pauseMsMax?: number;
}

const PAUSE_MS_FIRST = 5;
/** Level-based: whatever was missed is looked at again soon enough without anybody having to know. */
const PAUSE_MS_MAX = 60_000;

export function openWorkQueue(options: WorkQueueOptions = {}): WorkQueue {
  return new KeyQueue(options);
}

class KeyQueue implements WorkQueue {
  readonly #clock: Clock;
  readonly #firstPauseMs: number;
  readonly #pauseMsMax: number;
  /** In line; a Set keeps the order of coming. */
  readonly #line = new Set<ObjectKey>();
  /** Being worked on; true when it has to be looked at once more afterwards. */
  readonly #working = new Map<ObjectKey, boolean>();
  readonly #later = new Map<ObjectKey, { readonly atMs: number; readonly stop: AbortController }>();
  readonly #failures = new Map<ObjectKey, number>();
  readonly #waiting: ((key: ObjectKey | undefined) => void)[] = [];
  #isClosed = false;

  constructor({ clock, firstPauseMs, pauseMsMax }: WorkQueueOptions) {
    this.#clock = clock ?? systemClock;
    this.#firstPauseMs = firstPauseMs ?? PAUSE_MS_FIRST;
    this.#pauseMsMax = pauseMsMax ?? PAUSE_MS_MAX;
  }

  get size(): number {
    return this.#line.size + this.#working.size + this.#later.size;
  }

  add(key: ObjectKey): void {
    if (this.#isClosed) return;
    this.#cancelLater(key);
    if (this.#working.has(key)) this.#working.set(key, true);
    else {
      this.#line.add(key);
      this.#handOut();
    }
  }

  addAfter(key: ObjectKey, ms: number): void {
    if (this.#isClosed) return;
    if (ms <= 0) return this.add(key);
    const atMs = this.#clock.monotonicMs() + ms;
    const planned = this.#later.get(key);
    const isNext = this.#line.has(key) || this.#working.get(key) === true;
    if (isNext || (planned !== undefined && planned.atMs <= atMs)) return;
    planned?.stop.abort();
    const stop = new AbortController();
    this.#later.set(key, { atMs, stop });
    // Nothing in `add` waits or fails.
    void pause(this.#clock, ms, stop.signal).then((isTime) => {
      if (isTime) this.add(key);
    });
  }

  retry(key: ObjectKey): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const pauseMs = Math.min(this.#pauseMsMax, this.#firstPauseMs * 2 ** Math.min(failures, 30));
    this.addAfter(key, pauseMs);
    return pauseMs;
  }

  forget(key: ObjectKey): void {
    this.#failures.delete(key);
  }

  async take(): Promise<ObjectKey | undefined> {
    const { promise, resolve } = Promise.withResolvers<ObjectKey | undefined>();
    this.#waiting.push(resolve);
    this.#handOut();
    return promise;
  }

  done(key: ObjectKey): void {
    const again = this.#working.get(key);
    this.#working.delete(key);
    // Also when closed: it was in line before.
    if (again === true) this.#line.add(key);
    this.#handOut();
  }

  close(): void {
    this.#isClosed = true;
    for (const key of this.#later.keys()) this.#cancelLater(key);
    this.#handOut();
  }

  #cancelLater(key: ObjectKey): void {
    this.#later.get(key)?.stop.abort();
    this.#later.delete(key);
  }

  #handOut(): void {
    for (const key of this.#line) {
      const worker = this.#waiting.shift();
      if (worker === undefined) return;
      this.#line.delete(key);
      this.#working.set(key, false);
      worker(key);
    }
    // A key that is being worked on may come back into line, and its worker is there to take it.
    if (this.#isClosed) for (const worker of this.#waiting.splice(0)) worker(undefined);
  }
}
