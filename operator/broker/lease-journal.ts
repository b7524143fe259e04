/**
 * The journal of what has been made elsewhere and must be undone, as one Lease object each: durable once the API server has it, and
 * there for whichever replica is alive. The object's version is the fence: one replica owns it, and another one takes it over only
 * when no session of the owner's can be using it any more.
 */
import { createHash } from "node:crypto";
import { type Journal, type JournalEntry, JournalFull, PENDING_MAX } from "#broker/leases/journal.ts";
import { GROUP } from "#operator/names.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Call, Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { isAlreadyThere, isConflict, isNotFound, isRecord } from "../kube/error.ts";
import { type Lease, LEASES, keyOf } from "../kube/resource.ts";
import { RECORD_LABEL, REPORT_SELECTOR } from "./report.ts";

export interface LeaseJournalOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update" | "delete" | "list">;
  readonly namespace: string;
  /** Of the replica. */
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How often it is looked for replicas that are gone. Infinity: by `look` only. */
  readonly lookEveryMs?: number;
}

export interface LeaseJournal extends Journal {
  /** Takes over what replicas have left that are gone for long enough. */
  look(signal: AbortSignal): Promise<void>;
}

const MADE = "made";
const MADE_SELECTOR = `${RECORD_LABEL}=${MADE}`;
const ENTRY = `${GROUP}/entry`;
const ENTRY_BYTES_MAX = 8 * 1024;
const LOOK_EVERY_MS = 30_000;
const DEADLINE_MS = 5_000;
/** Longer than any lease: nobody can be going on with what the replica has lent. */
export const GONE_AFTER_MS = 6 * 60_000;

export async function openLeaseJournal(
  options: LeaseJournalOptions,
  stop: AbortSignal,
): Promise<LeaseJournal> {
  const journal = new ClusterJournal(options);
  await journal.load(stop);
  return journal;
}

class ClusterJournal implements LeaseJournal {
  readonly #options: LeaseJournalOptions;
  readonly #owned = new Map<string, { readonly entry: JournalEntry; readonly lease: Lease }>();
  /** Whose answer is awaited. */
  readonly #beginning = new Set<string>();
  readonly #listeners = new Set<(entry: JournalEntry) => void>();
  /** What replicas last said, and since when it has been that. */
  readonly #heard = new Map<string, { readonly said: string; readonly sinceMs: number }>();
  readonly #ended = new AbortController();
  readonly #looking: Promise<void>;

  constructor(options: LeaseJournalOptions) {
    this.#options = options;
    this.#looking = this.#lookOften();
  }

  async load(signal: AbortSignal): Promise<void> {
    for (const lease of await this.#made(signal)) {
      const entry = entryIn(lease);
      if (entry !== undefined && lease.spec?.holderIdentity === this.#options.name)
        this.#owned.set(entry.id, { entry, lease });
    }
  }

  async begin(entry: JournalEntry): Promise<void> {
    if (this.#owned.size >= PENDING_MAX) throw new JournalFull(`${PENDING_MAX} entries are pending`);
    const { kube, namespace, name } = this.#options;
    const text = JSON.stringify(entry);
    if (Buffer.byteLength(text) > ENTRY_BYTES_MAX) throw new RangeError("a journal entry is too large");
    const metadata = {
      name: nameOf(name, entry.id),
      namespace,
      labels: { [RECORD_LABEL]: MADE },
      annotations: { [ENTRY]: text },
    };
    this.#beginning.add(entry.id);
    try {
      const lease = await this.#create({ metadata, spec: { holderIdentity: name } }, kube);
      this.#owned.set(entry.id, { entry, lease });
    } finally {
      this.#beginning.delete(entry.id);
    }
  }

  async end(id: string): Promise<void> {
    const owned = this.#owned.get(id);
    if (owned === undefined) return;
    const { uid, resourceVersion } = owned.lease.metadata;
    const only = {
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    try {
      await this.#options.kube.delete(LEASES, keyOf(owned.lease), { ...this.#call(), ...only });
    } catch (error) {
      // Another replica's by now: whatever is left to do is its affair.
      if (!isConflict(error)) throw error;
    }
    this.#owned.delete(id);
  }

  pending(): readonly JournalEntry[] {
    return [...this.#owned.values()].map(({ entry }) => entry);
  }

  onTakenOver(listener: (entry: JournalEntry) => void): void {
    this.#listeners.add(listener);
  }

  async look(signal: AbortSignal): Promise<void> {
    const { kube, namespace, name, clock, log } = this.#options;
    const reports = await kube.list(LEASES, {
      namespace,
      labelSelector: REPORT_SELECTOR,
      ...this.#call(signal),
    });
    const said = new Map(
      reports.items.map(({ spec }) => [spec?.holderIdentity ?? "", spec?.renewTime ?? ""] as const),
    );
    for (const lease of await this.#made(signal)) {
      const entry = entryIn(lease);
      const holder = lease.spec?.holderIdentity ?? "";
      if (entry === undefined || this.#owned.has(entry.id) || this.#beginning.has(entry.id)) continue;
      // One of our own that we do not know was begun, and the answer lost.
      if (holder !== name && !this.#isGone(holder, said.get(holder) ?? "")) continue;
      const taken = await this.#take(lease, signal);
      if (taken === undefined) continue;
      log.info("took over what was left to undo", { replica: holder, entry: entry.id });
      this.#owned.set(entry.id, { entry, lease: taken });
      for (const listener of this.#listeners) listener(entry);
    }
    for (const [holder, { sinceMs }] of this.#heard)
      if (clock.monotonicMs() - sinceMs > 2 * GONE_AFTER_MS) this.#heard.delete(holder);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error("the journal is closed"));
    await this.#looking;
  }

  /** Nobody's clock but ours counts: since when it has said nothing new. */
  #isGone(holder: string, said: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const before = this.#heard.get(holder);
    if (before?.said !== said) {
      this.#heard.set(holder, { said, sinceMs: nowMs });
      return false;
    }
    return nowMs - before.sinceMs >= GONE_AFTER_MS;
  }

  /** Undefined when somebody else was first. */
  async #take(lease: Lease, signal: AbortSignal): Promise<Lease | undefined> {
    const { kube, name } = this.#options;
    try {
      return await kube.update(
        LEASES,
        { ...lease, spec: { ...lease.spec, holderIdentity: name } },
        this.#call(signal),
      );
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  /** An answer that was lost may have been a yes: what is there is ours when it says so. */
  async #create(
    lease: Parameters<Kube["create"]>[1] & Pick<Lease, "spec">,
    kube: LeaseJournalOptions["kube"],
  ): Promise<Lease> {
    try {
      return await kube.create<Lease>(LEASES, lease, this.#call());
    } catch (error) {
      if (!isAlreadyThere(error)) throw error;
      const there = await kube.get(LEASES, keyOf(lease), this.#call());
      if (there?.spec?.holderIdentity === this.#options.name) return there;
      throw error;
    }
  }

  async #made(signal: AbortSignal): Promise<readonly Lease[]> {
    const { kube, namespace } = this.#options;
    return (await kube.list(LEASES, { namespace, labelSelector: MADE_SELECTOR, ...this.#call(signal) }))
      .items;
  }

  #call(signal = this.#ended.signal): Call {
    // What is to be undone at the end is written down after the end was told.
    return { signal: signal === this.#ended.signal ? NEVER : signal, deadlineMs: DEADLINE_MS };
  }

  async #lookOften(): Promise<void> {
    const { clock, log, lookEveryMs = LOOK_EVERY_MS } = this.#options;
    const { signal } = this.#ended;
    if (!Number.isFinite(lookEveryMs)) return;
    while (await pause(clock, lookEveryMs * (0.8 + 0.4 * Math.random()), signal)) {
      try {
        await this.look(signal);
      } catch (error) {
        if (!signal.aborted) log.warn("it is not known what other replicas have left", errorFields(error));
      }
    }
  }
}

const NEVER = new AbortController().signal;

/** Of its maker too: replicas never meet at one name. */
function nameOf(replica: string, id: string): string {
  return `made-${createHash("sha256")
    .update(JSON.stringify([replica, id]))
    .digest("hex")
    .slice(0, 40)}`;
}

function entryIn({ metadata: { annotations = {} } }: Lease): JournalEntry | undefined {
  let json: unknown;
  try {
    json = JSON.parse(annotations[ENTRY] ?? "");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
  if (!isRecord(json) || typeof json["id"] !== "string" || !isRecord(json["facts"])) return undefined;
  if (Object.values(json["facts"]).some((fact) => typeof fact !== "string")) return undefined;
  return json as unknown as JournalEntry;
}
