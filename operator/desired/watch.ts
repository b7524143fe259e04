/**
 * The desired state of a cluster, kept up to date with the stores. Many changes at once are one reading: reading all
 * takes a while when there is much, and a burst must not keep admission waiting.
 */
import { type Clock, systemClock } from "../kube/clock.ts";
import type { Trigger } from "../kube/controller.ts";
import { keyOf, type ObjectKey, type OwnKind } from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { type Desired, desiredState } from "./desired.ts";

export interface KindStores {
  readonly Connection: StoreView<OwnKind>;
  readonly SecretAccessPolicy: StoreView<OwnKind>;
  readonly ClusterSecretAccessPolicy: StoreView<OwnKind>;
  readonly IdentityProvider: StoreView<OwnKind>;
  readonly WorkloadController: StoreView<OwnKind>;
}

export type KindInCluster = keyof KindStores;

export interface DesiredWatch extends Disposable {
  /** As of a moment after the call: with every change that the stores knew of by then. */
  fresh(signal: AbortSignal): Promise<Desired>;
  /** Objects of the kind of which something else is to be said now, because of any change anywhere. */
  affected(kind: KindInCluster): Trigger;
  /** Called after each reading. Returns what stops that. */
  onReading(listener: (desired: Desired) => void): () => void;
}

export interface DesiredWatchOptions {
  readonly stores: KindStores;
  readonly clock?: Clock;
  readonly onError: (error: unknown) => void;
}

const SETTLE_MS = 25;
const SETTLE_MS_MAX = 1_000;
/** Reading takes at most this share of the time, however much changes. */
const SETTLE_PER_READING = 4;

export function watchDesired(options: DesiredWatchOptions): DesiredWatch {
  return new Watching(options);
}

class Watching implements DesiredWatch {
  readonly #stores: KindStores;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #state = desiredState();
  readonly #ended = new AbortController();
  readonly #unsubscribe: readonly (() => void)[];
  readonly #listeners = new Map<KindInCluster, Set<(key: ObjectKey) => void>>();
  readonly #readers = new Set<(desired: Desired) => void>();
  #said: ReadonlyMap<string, Said> = new Map();
  #reading: Promise<Desired> | undefined;
  #current: Desired | undefined;
  #lastTookMs = 0;

  constructor({ stores, clock = systemClock, onError }: DesiredWatchOptions) {
    this.#stores = stores;
    this.#clock = clock;
    this.#onError = onError;
    this.#unsubscribe = Object.values(stores).map((store) => store.onChange(() => this.#changed()));
  }

  async fresh(signal: AbortSignal): Promise<Desired> {
    await Promise.all(Object.values(this.#stores).map((store) => store.synced(signal)));
    signal.throwIfAborted();
    return this.#reading ?? this.#current ?? this.#read();
  }

  affected(kind: KindInCluster): Trigger {
    const store = this.#stores[kind];
    return {
      synced: async (signal) => {
        await this.fresh(signal);
      },
      all: () => store.list().map(keyOf),
      subscribe: (enqueue) => {
        const listeners = this.#listeners.get(kind) ?? new Set();
        this.#listeners.set(kind, listeners.add(enqueue));
        return () => listeners.delete(enqueue);
      },
    };
  }

  onReading(listener: (desired: Desired) => void): () => void {
    this.#readers.add(listener);
    return () => this.#readers.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#ended.abort(new Error("the desired state is not watched any more"));
    for (const stop of this.#unsubscribe) stop();
  }

  #changed(): void {
    if (this.#reading !== undefined || this.#ended.signal.aborted) return;
    this.#reading = this.#settle();
    this.#reading.catch((error: unknown) => {
      // Whoever asks next reads again, and is told of the error, instead of being given what is out of date.
      this.#current = undefined;
      if (!this.#ended.signal.aborted) this.#onError(error);
    });
  }

  async #settle(): Promise<Desired> {
    const ms = Math.min(SETTLE_MS_MAX, Math.max(SETTLE_MS, this.#lastTookMs * SETTLE_PER_READING));
    try {
      await this.#clock.sleep(ms, this.#ended.signal);
      return this.#read();
    } finally {
      this.#reading = undefined;
    }
  }

  #read(): Desired {
    const startedMs = this.#clock.monotonicMs();
    const objects = Object.values(this.#stores).flatMap((store) => store.list());
    const desired = this.#state.read(objects);
    this.#current = desired;
    this.#lastTookMs = this.#clock.monotonicMs() - startedMs;
    this.#tell(objects, desired);
    for (const listener of this.#readers) listener(desired);
    return desired;
  }

  #tell(objects: readonly OwnKind[], desired: Desired): void {
    const before = this.#said;
    this.#said = new Map(objects.map((object) => [uidOf(object), saidOf(object, desired)]));
    for (const [uid, { kind, key, text }] of this.#said) {
      if (before.get(uid)?.text === text) continue;
      for (const enqueue of this.#listeners.get(kind) ?? []) enqueue(key);
    }
  }
}

/** What conditions are made of, as a text that can be compared. */
interface Said {
  readonly kind: KindInCluster;
  readonly key: ObjectKey;
  readonly text: string;
}

function saidOf(object: OwnKind, { standings, relations }: Desired): Said {
  const uid = uidOf(object);
  const key = keyOf(object);
  const { selects, selectedBy, closedBy } = relations;
  const isConnection = object.kind === "Connection";
  const related = isConnection ? [selectedBy.get(key), closedBy.get(key)] : [selects.get(uid)];
  return { kind: object.kind as KindInCluster, key, text: JSON.stringify([standings.get(uid), related]) };
}

function uidOf({ metadata }: OwnKind): string {
  return metadata.uid ?? "";
}
