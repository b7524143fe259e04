/** The watch protocol as a model, for what a real API server cannot be made to do a thousand times a second: forget, break off anywhere, refuse. */
import type { Kube, Listed } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { keyOf, type KubeObject } from "#operator/kube/resource.ts";
import type { WatchBatch, WatchEvent, WatchOptions } from "#operator/kube/watch.ts";

export interface Item extends KubeObject {
  readonly value: number;
}

type Changed = { readonly type: "ADDED" | "MODIFIED" | "DELETED"; readonly object: Item };
type Break = "clean" | "error";

export class ModelServer implements Pick<Kube, "pages" | "watch"> {
  readonly objects = new Map<string, Item>();
  canWatchLists = true;
  /** How an expired version is told. */
  goneAs: "status" | "event" = "event";
  /** So many watches to come are refused. */
  refusals = 0;
  /** After so many more events all watches break; for in the middle of a list. */
  breakAfter: number | undefined;
  /** Lists that are watched stop after their first object until this is false again: what changes meanwhile comes before their end. */
  #isHolding = false;
  #version = 1;
  #uid = 0;
  #history: Changed[] = [];
  #forgotten = 0;
  #breaks = new Set<(how: Break) => void>();
  #changed = Promise.withResolvers<void>();

  put(name: string, value: number): void {
    const old = this.objects.get(name);
    const uid = old?.metadata.uid ?? `uid-${(this.#uid += 1)}`;
    const object = this.#item(name, value, uid);
    this.objects.set(name, object);
    this.#record({ type: old === undefined ? "ADDED" : "MODIFIED", object });
  }

  delete(name: string): void {
    const old = this.objects.get(name);
    if (old === undefined) return;
    this.objects.delete(name);
    this.#record({ type: "DELETED", object: this.#item(name, old.value, old.metadata.uid ?? "") });
  }

  /** Watches can no longer begin before now. */
  forget(): void {
    this.#forgotten = this.#version;
    this.#history = [];
  }

  hold(isHolding: boolean): void {
    this.#isHolding = isHolding;
    this.#wake();
  }

  break(how: Break): void {
    for (const each of this.#breaks) each(how);
  }

  async *pages<T extends KubeObject>(): AsyncGenerator<Listed<T>> {
    const resourceVersion = String(this.#version);
    const all = [...this.objects.values()] as unknown as T[];
    for (let from = 0; from === 0 || from < all.length; from += 2) {
      await this.#mayBreak(2);
      yield { items: all.slice(from, from + 2), resourceVersion };
    }
  }

  async *watch<T extends KubeObject>(_: unknown, options: WatchOptions): AsyncGenerator<WatchBatch<T>> {
    const { promise: broken, resolve: breakOff } = Promise.withResolvers<Break>();
    if (this.refusals > 0) {
      this.refusals -= 1;
      throw unreachable();
    }
    this.#breaks.add(breakOff);
    try {
      yield [];
      for await (const event of this.#events(options, broken)) {
        yield [event] as WatchBatch<never>;
        await this.#mayBreak(1);
      }
    } finally {
      this.#breaks.delete(breakOff);
    }
  }

  async *#events(options: WatchOptions, broken: Promise<Break>): AsyncGenerator<WatchEvent<Item>> {
    let seen = Number(options.resourceVersion ?? this.#version);
    const isList = options.resourceVersion === undefined;
    if (isList && !this.canWatchLists)
      throw new KubeError({ status: 422, reason: "Invalid", message: "no lists here" });
    if (seen < this.#forgotten) {
      if (this.goneAs === "event") yield { type: "BOOKMARK", resourceVersion: String(seen), complete: false };
      throw new KubeError({ status: 410, reason: "Expired", message: "too old" });
    }
    const aborted = new Promise<"aborted">((resolve) =>
      options.signal.addEventListener("abort", () => resolve("aborted"), { once: true }),
    );
    const listed = isList ? [...this.objects.values()] : [];
    let owesEnd = isList;
    for (;;) {
      const { promise: changed } = this.#changed;
      const events: Changed[] = [];
      if (listed.length > 0) events.push(...listed.splice(0, this.#isHolding ? 1 : listed.length).map(added));
      if (listed.length === 0) events.push(...this.#history.filter(({ object }) => versionOf(object) > seen));
      for (const event of events) {
        yield event;
        if (listed.length === 0) seen = Math.max(seen, versionOf(event.object));
      }
      const isEnd = owesEnd && listed.length === 0 && !this.#isHolding;
      // Bookmarks may come at any time; within a list they mean nothing.
      yield { type: "BOOKMARK", resourceVersion: String(seen), complete: isEnd };
      if (isEnd) owesEnd = false;
      const what = await Promise.race([changed, broken, aborted]);
      if (what === "aborted") throw options.signal.reason;
      if (what === "error") throw unreachable();
      if (what === "clean") return;
    }
  }

  async #mayBreak(events: number): Promise<void> {
    if (this.breakAfter === undefined) return;
    this.breakAfter -= events;
    if (this.breakAfter > 0) return;
    this.breakAfter = undefined;
    throw unreachable();
  }

  #item(name: string, value: number, uid: string): Item {
    this.#version += 1;
    const metadata = { name, uid, resourceVersion: String(this.#version) };
    return { apiVersion: "v1", kind: "Item", metadata, value };
  }

  #record(event: Changed): void {
    this.#history.push(event);
    this.#wake();
  }

  #wake(): void {
    const told = this.#changed;
    this.#changed = Promise.withResolvers<void>();
    told.resolve();
  }
}

export function valuesOf(objects: Iterable<Item>): Record<string, number> {
  return Object.fromEntries([...objects].map((object) => [keyOf(object), object.value]));
}

function added(object: Item): Changed {
  return { type: "ADDED", object };
}

function versionOf({ metadata }: Item): number {
  return Number(metadata.resourceVersion);
}

function unreachable(): KubeError {
  return new KubeError({ status: 0, reason: "Unreachable", message: "broken" });
}
