/** Events for people (`kubectl describe`). They are never waited for: what cannot be told in time is counted and dropped. */
import { randomBytes } from "node:crypto";
import { errorFields, type Log } from "#runtime/log.ts";
import type { Kube } from "./client.ts";
import { type Clock, pause, systemClock } from "./clock.ts";
import { KubeError } from "./error.ts";
import { apiVersionOf, EVENTS, type KubeObject, type ObjectKey, objectKey } from "./resource.ts";

export interface Happening {
  readonly regarding: KubeObject;
  readonly type: "Normal" | "Warning";
  /** Why, in one CamelCase word. */
  readonly reason: string;
  /** What was done or tried, in one CamelCase word. */
  readonly action: string;
  readonly note: string;
}

export interface EventRecorder {
  record(happening: Happening): void;
  /** Those that nobody will read. */
  readonly dropped: number;
  /** Resolves when what is in line was sent or given up. */
  settled(): Promise<void>;
}

export interface EventRecorderOptions {
  readonly kube: Kube;
  /** The program, as `sallyport.dev/operator`. */
  readonly controller: string;
  /** The replica. */
  readonly instance: string;
  readonly clock?: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const LINE_MAX = 256;
const SERIES_MAX = 2_048;
/** The same again within this time is a series. */
const SERIES_MS = 10 * 60_000;
/** A series is written down again at most so often. */
const SERIES_WRITE_MS = 60_000;
const BURST = 20;
const REFILL_MS = 30_000;
const ATTEMPTS = 3;
const DEADLINE_MS = 5_000;
/** What the API server takes. */
const NOTE_BYTES_MAX = 1_024;
const NAME_CHARACTERS_MAX = 200;

interface Series {
  readonly key: ObjectKey;
  count: number;
  lastMs: number;
  writtenMs: number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

export function openEventRecorder(options: EventRecorderOptions): EventRecorder {
  return new Recorder(options);
}

class Recorder implements EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #clock: Clock;
  readonly #series = new Map<string, Series>();
  readonly #buckets = new Map<string, Bucket>();
  #inLine = 0;
  #last: Promise<void> = Promise.resolve();
  #dropped = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  get dropped(): number {
    return this.#dropped;
  }

  async settled(): Promise<void> {
    await this.#last;
  }

  record(happening: Happening): void {
    const nowMs = this.#clock.monotonicMs();
    const id = idOf(happening);
    const series = this.#series.get(id);
    if (series !== undefined && nowMs - series.lastMs < SERIES_MS) {
      series.count += 1;
      series.lastMs = nowMs;
      if (nowMs - series.writtenMs < SERIES_WRITE_MS && series.count > 2) return;
      series.writtenMs = nowMs;
      return this.#enqueue(() => this.#continueSeries(id, series));
    }
    if (!this.#mayTell(happening.regarding, nowMs) || this.#inLine >= LINE_MAX) {
      this.#dropped += 1;
      return;
    }
    const key = eventKey(happening);
    remember(this.#series, id, { key, count: 1, lastMs: nowMs, writtenMs: nowMs });
    this.#enqueue(() => this.#create(happening, key));
  }

  /** An object that changes all the time must not fill the API server with its story. */
  #mayTell({ metadata, kind }: KubeObject, nowMs: number): boolean {
    const id = metadata.uid ?? `${kind} ${metadata.namespace} ${metadata.name}`;
    const bucket = this.#buckets.get(id) ?? { tokens: BURST, atMs: nowMs };
    const tokens = Math.min(BURST, bucket.tokens + (nowMs - bucket.atMs) / REFILL_MS);
    const isEnough = tokens >= 1;
    remember(this.#buckets, id, { tokens: isEnough ? tokens - 1 : tokens, atMs: nowMs });
    return isEnough;
  }

  #enqueue(send: () => Promise<unknown>): void {
    this.#inLine += 1;
    this.#last = this.#last.then(() => this.#send(send)).finally(() => (this.#inLine -= 1));
  }

  async #send(send: () => Promise<unknown>): Promise<void> {
    const { signal, log } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (signal.aborted) throw signal.reason;
        await send();
        return;
      } catch (error) {
        const mayHelp =
          error instanceof KubeError && (error.status === 0 || error.status === 429 || error.status >= 500);
        if (mayHelp && attempt < ATTEMPTS && (await pause(this.#clock, 250 * 2 ** attempt, signal))) continue;
        this.#dropped += 1;
        log.warn("event was not recorded", errorFields(error));
        return;
      }
    }
  }

  async #create(happening: Happening, key: ObjectKey): Promise<void> {
    const { kube, controller, instance, signal } = this.#options;
    const { regarding, type, reason, action, note } = happening;
    const { name, namespace, uid, resourceVersion } = regarding.metadata;
    const event = {
      apiVersion: apiVersionOf(EVENTS),
      kind: EVENTS.kind,
      metadata: { namespace: namespaceOf(regarding), name: key.slice(key.indexOf("/") + 1) },
      eventTime: this.#now(),
      reportingController: controller,
      reportingInstance: instance,
      regarding: {
        apiVersion: regarding.apiVersion,
        kind: regarding.kind,
        name,
        namespace,
        uid,
        resourceVersion,
      },
      type,
      reason,
      action,
      note: cut(note),
    };
    await kube.create(EVENTS, event, { signal, deadlineMs: DEADLINE_MS });
  }

  async #continueSeries(id: string, { key, count }: Series): Promise<void> {
    const { kube, signal } = this.#options;
    const value = { count, lastObservedTime: this.#now() };
    try {
      const call = { signal, deadlineMs: DEADLINE_MS };
      await kube.patch(EVENTS, key, [{ op: "add", path: "/series", value }], call);
    } catch (error) {
      // The API server forgets events after an hour: the next time is a first time.
      if (!(error instanceof KubeError && error.status === 404)) throw error;
      this.#series.delete(id);
    }
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString().replace("Z", "000Z");
  }
}

function idOf({ regarding, type, reason, action, note }: Happening): string {
  const { uid, namespace, name } = regarding.metadata;
  return JSON.stringify([regarding.kind, uid ?? [namespace, name], type, reason, action, note]);
}

/** Those of a cluster-wide object are kept in `default`. */
function namespaceOf({ metadata }: KubeObject): string {
  return metadata.namespace ?? "default";
}

function eventKey({ regarding }: Happening): ObjectKey {
  const name = regarding.metadata.name.slice(0, NAME_CHARACTERS_MAX);
  return objectKey(namespaceOf(regarding), `${name}.${randomBytes(8).toString("hex")}`);
}

/** To what is allowed, between characters. */
function cut(note: string): string {
  if (Buffer.byteLength(note) <= NOTE_BYTES_MAX) return note;
  const { read } = new TextEncoder().encodeInto(
    note,
    new Uint8Array(NOTE_BYTES_MAX - Buffer.byteLength("…")),
  );
  return `${note.slice(0, read)}…`;
}

/** Keeps the youngest. */
function remember<Value>(map: Map<string, Value>, id: string, value: Value): void {
  map.delete(id);
  map.set(id, value);
  if (map.size <= SERIES_MAX) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
