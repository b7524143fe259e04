/**
 * The journal of what has been made elsewhere and must be undone, as one Lease object each: durable once the API server has it, and
 * there for whichever replica is alive. The object's version is the fence: one replica owns it, and another one takes it over only
 * when no session of the owner's can be using it any more.
 */
import { createHash } from "node:crypto";
import {
  type Journal,
  type JournalEntry,
  JournalFull,
  PENDING_MAX,
  type PendingEntry,
  type SharedJournal,
} from "#broker/leases/journal.ts";
import { GROUP } from "#operator/names.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Call, Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { isAlreadyThere, isConflict, isNotFound, isRecord } from "../kube/error.ts";
import { type Lease, LEASES, keyOf, objectKey } from "../kube/resource.ts";
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
  readonly shared: SharedJournal;
  /** Takes over what replicas have left that are gone for long enough. */
  look(signal: AbortSignal): Promise<void>;
}

const MADE = "made";
const MADE_SELECTOR = `${RECORD_LABEL}=${MADE}`;
const ENTRY = `${GROUP}/entry`;
/** Of an entry that is being undone: by whom it is held, and nobody makes it theirs any more. */
const CLAIMED = `${GROUP}/claimed`;
/** Writes of others that come in between: each is one of another broker's, and those are few. */
const TRIES_MAX = 5;
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

interface Owned {
  readonly entry: JournalEntry;
  readonly lease: Lease;
}

class ClusterJournal implements LeaseJournal {
  readonly #options: LeaseJournalOptions;
  readonly #owned = new Map<string, Owned>();
  /** What is done to one entry is done one after the other. */
  readonly #turns = new Map<string, Promise<unknown>>();
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
      name: nameOf(entry.id),
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

  claim(id: string): Promise<boolean> {
    return this.#inTurn(id, async () => {
      const { name } = this.#options;
      let lease = this.#owned.get(id)?.lease ?? (await this.#read(id));
      for (let tries = 0; tries < TRIES_MAX; tries += 1) {
        if (lease?.spec?.holderIdentity !== name) {
          this.#owned.delete(id);
          // Where nobody answers for it, as when objects were lost, whoever found what it stood for does.
          return lease === undefined;
        }
        const claimed = isClaimed(lease) ? lease : await this.#write(claimedBy(name, lease));
        const entry = claimed && entryIn(claimed);
        if (claimed !== undefined && entry !== undefined) this.#owned.set(id, { entry, lease: claimed });
        if (claimed !== undefined) return true;
        lease = await this.#read(id);
      }
      throw new Error("others go on writing what is to be undone");
    });
  }

  async end(id: string): Promise<void> {
    await this.#inTurn(id, () => this.#end(id));
  }

  pending(): readonly PendingEntry[] {
    return [...this.#owned.values()].map(({ entry, lease }) => ({ ...entry, isClaimed: isClaimed(lease) }));
  }

  readonly shared: SharedJournal = {
    usedForMs: GONE_AFTER_MS,
    adopt: (id, isMeant) => this.#inTurn(id, () => this.#adopt(id, isMeant)),
    onTakenOver: (listener) => void this.#listeners.add(listener),
  };

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
      if (!(await this.#inTurn(entry.id, () => this.#take(entry, lease, signal)))) continue;
      log.info("took over what was left to undo", { replica: holder, entry: entry.id });
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

  /** Its maker is gone, and so is whoever could be using it. */
  async #take(entry: JournalEntry, lease: Lease, signal: AbortSignal): Promise<boolean> {
    if (this.#owned.has(entry.id)) return false;
    const taken = await this.#write(claimedBy(this.#options.name, lease), signal);
    if (taken !== undefined) this.#owned.set(entry.id, { entry, lease: taken });
    return taken !== undefined;
  }

  /** A write, also where it was ours: what we know of it may be from before somebody else had it. */
  async #adopt(id: string, isMeant: (entry: JournalEntry) => boolean): Promise<"kept" | "taken" | undefined> {
    const { name } = this.#options;
    const known = this.#owned.get(id)?.lease;
    let lease = known ?? (await this.#read(id));
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const entry = lease && entryIn(lease);
      if (lease === undefined || entry?.id !== id || isClaimed(lease) || !isMeant(entry)) {
        if (lease?.spec?.holderIdentity !== name) this.#owned.delete(id);
        return undefined;
      }
      const ours = await this.#write({ ...lease, spec: { ...lease.spec, holderIdentity: name } });
      if (ours !== undefined) {
        this.#owned.set(id, { entry, lease: ours });
        return lease === known ? "kept" : "taken";
      }
      lease = await this.#read(id);
    }
    throw new Error("others go on writing what a session has");
  }

  async #end(id: string): Promise<void> {
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

  #read(id: string): Promise<Lease | undefined> {
    const { kube, namespace } = this.#options;
    return kube.get(LEASES, objectKey(namespace, nameOf(id)), this.#call());
  }

  /** Undefined when somebody else was first, or it is gone. */
  async #write(lease: Lease, signal?: AbortSignal): Promise<Lease | undefined> {
    try {
      return await this.#options.kube.update(LEASES, lease, this.#call(signal));
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #inTurn<Result>(id: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#turns.get(id);
    const turn = before === undefined ? work() : before.then(work, work);
    this.#turns.set(id, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(id) === turn) this.#turns.delete(id);
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

/** Whoever knows what it stands for finds it. */
function nameOf(id: string): string {
  return `made-${createHash("sha256").update(id).digest("hex").slice(0, 40)}`;
}

function claimedBy(name: string, lease: Lease): Lease {
  const { metadata, spec } = lease;
  const annotations = { ...metadata.annotations, [CLAIMED]: "true" };
  return { ...lease, metadata: { ...metadata, annotations }, spec: { ...spec, holderIdentity: name } };
}

function isClaimed({ metadata: { annotations = {} } }: Lease): boolean {
  return annotations[CLAIMED] !== undefined;
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
