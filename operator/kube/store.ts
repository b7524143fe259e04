/** What is known of the objects of one kind, with indexes. One writer, the reflector; everybody else sees a `StoreView`. */
import { keyOf, type KubeObject, type ObjectKey } from "./resource.ts";

export interface Change<T> {
  readonly key: ObjectKey;
  /** Undefined when it is new. An object that was deleted and made again is two changes. */
  readonly old: T | undefined;
  /** Undefined when it is gone. */
  readonly now: T | undefined;
}

export type Listener<T> = (change: Change<T>) => void;

export interface StoreView<T extends KubeObject> {
  readonly name: string;
  readonly size: number;
  /** True once everything that there was at the start is in it. */
  readonly hasSynced: boolean;
  get(key: ObjectKey): T | undefined;
  list(): readonly T[];
  /** Those that the index gave this value. */
  by(index: string, value: string): readonly T[];
  /** Called with each change, after it is in the store. Returns what stops that. */
  onChange(listener: Listener<T>): () => void;
  synced(signal: AbortSignal): Promise<void>;
}

export interface Store<T extends KubeObject> extends StoreView<T> {
  set(object: T): void;
  remove(key: ObjectKey): void;
  /** Ends a list: what is not among `present` is gone. */
  retain(present: ReadonlySet<ObjectKey>): void;
}

export interface StoreOptions<T> {
  /** For the log and for metrics. */
  readonly name: string;
  /** Under which values an object is found, by the name of the index. */
  readonly indexes?: Readonly<Record<string, (object: T) => readonly string[]>>;
  /** A listener has thrown. The store, the watch and the other listeners go on. */
  readonly onError: (error: unknown) => void;
}

export function openStore<T extends KubeObject>(options: StoreOptions<T>): Store<T> {
  return new IndexedStore(options);
}

class IndexedStore<T extends KubeObject> implements Store<T> {
  readonly name: string;
  readonly #objects = new Map<ObjectKey, T>();
  readonly #indexes: ReadonlyMap<string, Index<T>>;
  readonly #listeners = new Set<Listener<T>>();
  readonly #onError: (error: unknown) => void;
  readonly #synced = Promise.withResolvers<void>();
  #hasSynced = false;

  constructor({ name, indexes = {}, onError }: StoreOptions<T>) {
    this.name = name;
    this.#indexes = new Map(Object.entries(indexes).map(([index, of]) => [index, new Index(of)]));
    this.#onError = onError;
  }

  get size(): number {
    return this.#objects.size;
  }

  get hasSynced(): boolean {
    return this.#hasSynced;
  }

  get(key: ObjectKey): T | undefined {
    return this.#objects.get(key);
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  by(index: string, value: string): readonly T[] {
    const found = this.#indexes.get(index);
    if (found === undefined) throw new RangeError(`the store of ${this.name} has no index "${index}"`);
    return [...found.keys(value)].flatMap((key) => this.#objects.get(key) ?? []);
  }

  onChange(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async synced(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = (): void => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.#synced.promise, promise]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  set(object: T): void {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    // A list repeats what is known already.
    if (old !== undefined && isSame(old, object)) return;
    if (old !== undefined && old.metadata.uid !== object.metadata.uid) {
      this.remove(key);
      return this.set(object);
    }
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) index.move(key, old, object);
    this.#tell({ key, old, now: object });
  }

  remove(key: ObjectKey): void {
    const old = this.#objects.get(key);
    if (old === undefined) return;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.move(key, old, undefined);
    this.#tell({ key, old, now: undefined });
  }

  retain(present: ReadonlySet<ObjectKey>): void {
    for (const key of this.#objects.keys()) if (!present.has(key)) this.remove(key);
    this.#hasSynced = true;
    this.#synced.resolve();
  }

  #tell(change: Change<T>): void {
    for (const listener of this.#listeners) {
      try {
        listener(change);
      } catch (error) {
        this.#onError(error);
      }
    }
  }
}

function isSame({ metadata: one }: KubeObject, { metadata: other }: KubeObject): boolean {
  return (
    one.uid === other.uid &&
    one.resourceVersion !== undefined &&
    one.resourceVersion === other.resourceVersion
  );
}

class Index<T> {
  readonly #of: (object: T) => readonly string[];
  readonly #keys = new Map<string, Set<ObjectKey>>();

  constructor(of: (object: T) => readonly string[]) {
    this.#of = of;
  }

  keys(value: string): Iterable<ObjectKey> {
    return this.#keys.get(value) ?? [];
  }

  move(key: ObjectKey, old: T | undefined, now: T | undefined): void {
    for (const value of old === undefined ? [] : this.#of(old)) {
      const keys = this.#keys.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.#keys.delete(value);
    }
    for (const value of now === undefined ? [] : this.#of(now)) {
      const keys = this.#keys.get(value);
      if (keys === undefined) this.#keys.set(value, new Set([key]));
      else keys.add(key);
    }
  }
}
