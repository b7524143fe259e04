/**
 * Keeps a store equal to what the API server has, for as long as the signal is not aborted: whatever ends a watch is followed by
 * another from where it ended, and by a list where that is forgotten. Nothing makes it give up, and nothing makes it exit.
 */
import type { Log } from "#runtime/log.ts";
import { errorFields } from "#runtime/log.ts";
import type { Kube, Selection } from "./client.ts";
import { type Backoff, backoff, type Clock, pause, type Random, systemClock } from "./clock.ts";
import { isGone, KubeError } from "./error.ts";
import { keyOf, type KubeObject, type ObjectKey, type Resource } from "./resource.ts";
import type { Store } from "./store.ts";
import type { WatchBatch, WatchEvent } from "./watch.ts";

export interface ReflectorOptions<T extends KubeObject> extends Selection {
  readonly kube: Pick<Kube, "pages" | "watch">;
  readonly resource: Resource<T>;
  readonly store: Store<T>;
  /** What of an object is kept. Thousands of pods are small once nobody needs their managed fields. */
  readonly trim?: (object: T) => T;
  readonly timing?: Partial<ReflectorTiming>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface ReflectorTiming {
  /** A watch is ended by the API server after a time between these, so that not all come back at once. */
  readonly watchSeconds: readonly [min: number, max: number];
  /** Bookmarks come every minute: a watch that is quiet for longer than this is dead, whatever its socket says. */
  readonly quietMsMax: number;
  readonly pauseMs: readonly [first: number, max: number];
}

export interface Reflector {
  /** Watches begun after the first. */
  readonly reconnects: number;
  /** Lists after the first. */
  readonly relists: number;
  /** Since anything arrived, bookmarks included; undefined before the first. */
  readonly lastEventAgeMs: number | undefined;
  /** True while a watch is open. */
  readonly isConnected: boolean;
  /** Resolves when the signal has ended it. */
  readonly ended: Promise<void>;
}

const TIMING: ReflectorTiming = {
  watchSeconds: [290, 580],
  quietMsMax: 75_000,
  pauseMs: [200, 3_000],
};

export function startReflector<T extends KubeObject>(options: ReflectorOptions<T>): Reflector {
  return new Follower(options);
}

/** Nobody reads managed fields, and they are half of a pod. */
export function withoutManagedFields<T extends KubeObject>(object: T): T {
  if (!("managedFields" in object.metadata)) return object;
  const { managedFields: _, ...metadata } = object.metadata as T["metadata"] & { managedFields: unknown };
  return { ...object, metadata };
}

/** An API server that does not know how to begin a watch with a list. */
function isRefusedList(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 400 || error.status === 422);
}

/** A version that the API server has not come to: it was set back to an older state, or is another. */
function isOfTheFuture(error: unknown): boolean {
  return error instanceof KubeError && error.status === 504 && error.reason === "Timeout";
}

class Follower<T extends KubeObject> implements Reflector {
  readonly ended: Promise<void>;
  readonly #options: ReflectorOptions<T>;
  readonly #timing: ReflectorTiming;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #log: Log;
  /** Where the next watch begins; undefined: with everything. */
  #resourceVersion: string | undefined;
  /** What a list that is being read has shown so far. */
  #listed: Set<ObjectKey> | undefined;
  #canWatchLists = true;
  #watches = 0;
  #lists = 0;
  #lastEventMs: number | undefined;
  #isConnected = false;
  /** Whether the present watch has said anything. */
  #hasHeard = false;
  /** Attempts in a row that nothing was heard from. */
  #failures = 0;
  readonly #pauses: Backoff;

  constructor(options: ReflectorOptions<T>) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
    this.#pauses = backoff(...this.#timing.pauseMs, this.#random);
    this.#log = options.log.with({ store: options.store.name });
    this.ended = this.#run();
  }

  get reconnects(): number {
    return Math.max(0, this.#watches - 1);
  }

  get relists(): number {
    return Math.max(0, this.#lists - 1);
  }

  get lastEventAgeMs(): number | undefined {
    return this.#lastEventMs === undefined ? undefined : this.#clock.monotonicMs() - this.#lastEventMs;
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    while (!signal.aborted) {
      let retryAfterMs = 0;
      try {
        await this.#follow();
        this.#pauses.reset();
      } catch (error) {
        if (signal.aborted) return;
        retryAfterMs = this.#failed(error);
      } finally {
        this.#isConnected = false;
        this.#listed = undefined;
      }
      if (!(await pause(this.#clock, Math.max(this.#pauses.next(), retryAfterMs), signal))) return;
    }
  }

  async #follow(): Promise<void> {
    this.#hasHeard = false;
    if (this.#resourceVersion === undefined) {
      this.#lists += 1;
      if (!this.#canWatchLists) await this.#list();
    }
    if (this.#resourceVersion === undefined) this.#listed = new Set();
    this.#watches += 1;
    for await (const batch of this.#watch()) {
      this.#isConnected = true;
      this.#take(batch);
      // Not the head alone: a watch that is refused can begin well, and would be begun again without a pause.
      if (batch.length > 0) this.#heard();
    }
  }

  #heard(): void {
    this.#hasHeard = true;
    this.#pauses.reset();
    if (this.#failures > 0) this.#log.info("watch is back", { failures: this.#failures });
    this.#failures = 0;
  }

  /** Says how long the API server wants to be left alone. */
  #failed(error: unknown): number {
    const tell = this.#failures === 0 ? this.#log.warn : this.#log.debug;
    tell("watch ended", errorFields(error));
    this.#failures += 1;
    if (this.#mustList(error)) {
      this.#resourceVersion = undefined;
      // The API server is there: what it wants is another question.
      if (isGone(error)) this.#pauses.reset();
    } else if (isRefusedList(error) && this.#resourceVersion === undefined) this.#canWatchLists = false;
    return error instanceof KubeError ? (error.retryAfterMs ?? 0) : 0;
  }

  /** Whether there is no going on from the last version. */
  #mustList(error: unknown): boolean {
    if (isGone(error) || isOfTheFuture(error)) return true;
    // An API server that was set back to an older state says nothing to whoever asks for what is newer, not even that.
    return error instanceof KubeError && error.reason === "Stalled" && !this.#hasHeard;
  }

  #watch(): AsyncGenerator<WatchBatch<T>> {
    const { kube, resource, namespace, labelSelector, fieldSelector, signal } = this.#options;
    const [min, max] = this.#timing.watchSeconds;
    return kube.watch(resource, {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion: this.#resourceVersion,
      timeoutSeconds: Math.round(min + this.#random() * (max - min)),
      quietMsMax: this.#timing.quietMsMax,
      signal,
    });
  }

  async #list(): Promise<void> {
    const { kube, resource, namespace, labelSelector, fieldSelector, signal, store } = this.#options;
    const present = new Set<ObjectKey>();
    let version: string | undefined;
    for await (const page of kube.pages(resource, { namespace, labelSelector, fieldSelector, signal })) {
      this.#lastEventMs = this.#clock.monotonicMs();
      for (const object of page.items) {
        const kept = this.#trim(object);
        present.add(keyOf(kept));
        store.set(kept);
      }
      version = page.resourceVersion;
    }
    store.retain(present);
    this.#resourceVersion = version;
  }

  #take(batch: WatchBatch<T>): void {
    this.#lastEventMs = this.#clock.monotonicMs();
    for (const event of batch) this.#takeOne(event);
  }

  #takeOne(event: WatchEvent<T>): void {
    const { store } = this.#options;
    if (event.type === "BOOKMARK") {
      if (event.complete && this.#listed !== undefined) {
        store.retain(this.#listed);
        this.#listed = undefined;
      }
      if (this.#listed === undefined) this.#resourceVersion = event.resourceVersion;
      return;
    }
    const key = keyOf(event.object);
    if (event.type === "DELETED") store.remove(key);
    else {
      const kept = this.#trim(event.object);
      this.#listed?.add(key);
      store.set(kept);
    }
    // Before a list is complete nobody can begin again from within it.
    if (this.#listed === undefined) this.#resourceVersion = event.object.metadata.resourceVersion;
  }

  #trim(object: T): T {
    return (this.#options.trim ?? withoutManagedFields)(object);
  }
}
