/** The trail on a disk: admission, group commit, and what is answered to whom. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { EventBody, SessionFork } from "#core/audit/event.ts";
import { SESSION_BYTES, newSessionId, sessionBytes } from "#core/port/ids.ts";
import type { AppendAnswer, SealedEvent, SessionId } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { causeOf } from "../note.ts";
import { unlessAborted } from "../waiting.ts";
import { GROUP_BYTES_MAX, GroupDraft } from "./groups.ts";
import { Admission, type Ledger, type NewLeaf } from "./ledger.ts";
import { groupQueue } from "./queue.ts";
import { LEAF_RECORD_BYTES, TEXT_RECORD_BYTES, writeLeaf, writeText } from "./records.ts";
import { type Recovered, recover } from "./recover.ts";
import { TAG_BYTES, sealText } from "./sealing.ts";
import { type Group, SegmentWriter } from "./segment-writer.ts";
import type { SessionKeys, Trail, TrailHealth, TrailOptions } from "./trail.ts";
import { type Vault, openVault } from "./vault.ts";

type Job =
  | {
      readonly kind: "append";
      readonly batch: readonly SealedEvent[];
      readonly answer: Answer<readonly AppendAnswer[]>;
    }
  | { readonly kind: "say"; readonly body: EventBody; readonly answer: Answer<undefined> }
  | { readonly kind: "lost"; readonly session: SessionId; readonly answer: Answer<undefined> };
type Answer<Value> = (value: Value | Refusal) => void;

const QUEUE_BYTES_MAX = 64 * 1024 * 1024;
/** A group that takes longer tells of a disk that hangs. */
const COMMIT_MS_MAX = 5_000;

export async function openTrail(options: TrailOptions): Promise<Trail> {
  const { disk, directory } = options;
  await disk.makeDirectory(directory, 0o750);
  if (((await disk.inspect(directory)).mode & 0o022) !== 0)
    throw new Error(`${directory} can be written by others: its mode must be 0750 or 0700`);
  const lock = await disk.lock(directory);
  try {
    const recovered = await recover(disk, directory);
    for (const damage of recovered.damages) options.note("trail.damaged", { ...damage });
    const { ledger } = recovered;
    const vault = await openVault(
      { ...options, directory: join(directory, "session-keys") },
      { unfinished: ledger.unfinished(), isEnded: (session) => ledger.state(session).ended },
    );
    const trail = new FileTrail(options, recovered, vault, lock);
    await trail.begin();
    return trail;
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

class FileTrail implements Trail {
  readonly #options: TrailOptions;
  readonly #ledger: Ledger;
  readonly #vault: Vault;
  readonly #writer: SegmentWriter;
  readonly #lock: AsyncDisposable;
  /** The broker's own record: what it has to say and has not been able to store yet. */
  readonly #own: { readonly session: SessionId; unsaid: EventBody[] };
  #health: TrailHealth = { state: "ready" };
  #committingSinceMs: number | undefined;
  #closing = false;
  readonly #queue = groupQueue<Job>({
    weightBytes: (job) => (job.kind === "append" ? weightOf(job.batch) : 1024),
    groupBytesMax: GROUP_BYTES_MAX / 2,
    queueBytesMax: QUEUE_BYTES_MAX,
    commit: (jobs) => this.#commit(jobs),
  });

  constructor(options: TrailOptions, recovered: Recovered, vault: Vault, lock: AsyncDisposable) {
    this.#options = options;
    this.#ledger = recovered.ledger;
    this.#vault = vault;
    this.#lock = lock;
    this.#writer = new SegmentWriter(options, recovered);
    const start: EventBody = { kind: "broker.start", broker: options.broker, trail: recovered.trail };
    const damages = recovered.damages.map((damage): EventBody => ({ kind: "trail.damaged", ...damage }));
    this.#own = { session: newSessionId(randomBytes(SESSION_BYTES)), unsaid: [start, ...damages] };
  }

  get health(): TrailHealth {
    const since = this.#committingSinceMs;
    if (since !== undefined && this.#options.nowMs() - since > COMMIT_MS_MAX)
      return { state: "failing", cause: "the disk does not answer", sinceMs: since };
    return this.#health;
  }

  /** The first group. When it cannot be stored the trail is there all the same, failing, and tries again. */
  async begin(): Promise<void> {
    await this.append([], new AbortController().signal);
  }

  async openSession(session: SessionId, signal: AbortSignal): Promise<SessionKeys | Refusal> {
    if (this.#closing) return refusal("TRAIL_UNAVAILABLE");
    try {
      const secrets = await unlessAborted(this.#vault.open(session), signal);
      return { digestKey: Uint8Array.from(secrets.digestKey) };
    } catch (error) {
      signal.throwIfAborted();
      this.#failed(error);
      return refusal("TRAIL_UNAVAILABLE");
    }
  }

  append(batch: readonly SealedEvent[], signal: AbortSignal): Promise<readonly AppendAnswer[] | Refusal> {
    return this.#ask<readonly AppendAnswer[]>((answer) => ({ kind: "append", batch, answer }), signal);
  }

  unfinished(): readonly SessionId[] {
    return this.#ledger.unfinished().filter((session) => session !== this.#own.session);
  }

  async say(body: EventBody, signal: AbortSignal): Promise<Refusal | undefined> {
    const answer = await this.#ask<undefined>((told) => ({ kind: "say", body, answer: told }), signal);
    return answer !== undefined && isRefusal(answer) ? answer : undefined;
  }

  async declareLost(session: SessionId, signal: AbortSignal): Promise<Refusal | undefined> {
    const answer = await this.#ask<undefined>((told) => ({ kind: "lost", session, answer: told }), signal);
    return answer !== undefined && isRefusal(answer) ? answer : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#own.unsaid.push({ kind: "broker.stop" });
    const last = this.append([], new AbortController().signal);
    this.#closing = true;
    await last;
    await this.#queue.drained();
    await this.#writer.close();
    await this.#vault[Symbol.asyncDispose]();
    await this.#lock[Symbol.asyncDispose]();
  }

  #ask<Value>(job: (answer: Answer<Value>) => Job, signal: AbortSignal): Promise<Value | Refusal> {
    signal.throwIfAborted();
    const { promise, resolve } = Promise.withResolvers<Value | Refusal>();
    if (this.#closing || !this.#queue.add(job(resolve))) return Promise.resolve(refusal("TRAIL_UNAVAILABLE"));
    return unlessAborted(promise, signal);
  }

  /** One group: nothing is answered with yes before all of it is durable. */
  async #commit(jobs: readonly Job[]): Promise<void> {
    this.#committingSinceMs = this.#options.nowMs();
    const admission = new Admission(this.#ledger);
    try {
      await this.#writer.ready();
      const unsaid = this.#own.unsaid.length;
      for (const body of this.#own.unsaid) admission.say(this.#own.session, body, this.#options.nowMs());
      const texts = new Map<NewLeaf, Uint8Array>();
      const answers = jobs.map((job) => this.#admit(job, admission, texts));
      if (admission.leaves.length > 0) await this.#writer.write(await this.#group(admission, texts));
      this.#own.unsaid = this.#own.unsaid.slice(unsaid);
      this.#applied(admission);
      for (const answer of answers) answer();
    } catch (error) {
      this.#failed(error);
      for (const { answer } of jobs) answer(refusal("TRAIL_UNAVAILABLE"));
    } finally {
      this.#committingSinceMs = undefined;
    }
  }

  /** What to answer once the group is durable. */
  #admit(job: Job, admission: Admission, texts: Map<NewLeaf, Uint8Array>): () => void {
    if (job.kind === "lost") {
      this.#admitLoss(job.session, admission);
      return () => job.answer(undefined);
    }
    if (job.kind === "say") {
      // Its last word may be in the same group.
      if (admission.state(this.#own.session).ended) return () => job.answer(refusal("TRAIL_UNAVAILABLE"));
      admission.say(this.#own.session, job.body, this.#options.nowMs());
      return () => job.answer(undefined);
    }
    const broken = new Set<SessionId>();
    for (const event of job.batch) {
      if (broken.has(event.session)) continue;
      const verdict = admission.take(event);
      if (verdict.kind === "new" && event.payload !== undefined) texts.set(verdict.leaf, event.payload);
      if (verdict.kind !== "fork" && verdict.kind !== "ended") continue;
      broken.add(event.session);
      if (verdict.kind === "fork") this.#recordFork(event, verdict.how, admission);
    }
    const sessions = [...new Set(job.batch.map(({ session }) => session))];
    const answers = sessions.map((session): AppendAnswer => {
      if (broken.has(session)) return { session, refusal: refusal("TRAIL_BROKEN") };
      return { session, seq: admission.state(session).seq };
    });
    return () => job.answer(answers);
  }

  #admitLoss(session: SessionId, admission: Admission): void {
    const { seq: lastSeq, ended } = admission.state(session);
    if (ended) return;
    // Nothing on record: it was identified and never opened, so there is nothing to end.
    if (lastSeq < 0) return this.#vault.forget(session);
    this.#options.note("session.lost", { session, lastSeq });
    admission.say(session, { kind: "session.lost", lastSeq }, this.#options.nowMs());
  }

  #recordFork({ session, seq }: SealedEvent, how: SessionFork["how"], admission: Admission): void {
    this.#options.note("session.fork", { session, seq, how });
    admission.say(session, { kind: "session.fork", atSeq: seq, how }, this.#options.nowMs());
  }

  async #group(admission: Admission, texts: ReadonlyMap<NewLeaf, Uint8Array>): Promise<Group> {
    const { leaves } = admission;
    const draft = new GroupDraft(recordsBytes(leaves, texts));
    for (const entry of leaves) {
      const { seq, previous, leaf } = entry;
      const session = sessionBytes(entry.session);
      draft.add(writeLeaf, { session, seq, previous, leaf });
      const text = texts.get(entry);
      if (text === undefined) continue;
      // A key that was lost with its wrapping key is replaced here; what was sealed under the old one stays closed.
      const { dek } = this.#vault.secrets(entry.session) ?? (await this.#vault.open(entry.session));
      draft.add(writeText, { session, seq, ...sealText(dek, session, seq, text) });
    }
    return { draft, leaves: leaves.map(({ leaf }) => leaf) };
  }

  #applied(admission: Admission): void {
    for (const leaf of admission.leaves) {
      this.#ledger.apply(leaf);
      if (leaf.ends) this.#vault.forget(leaf.session);
    }
    if (this.#health.state !== "ready") this.#options.note("trail.ready", {});
    this.#health = { state: "ready" };
  }

  #failed(error: unknown): void {
    const cause = causeOf(error);
    if (this.#health.state === "ready" || this.#health.cause !== cause)
      this.#options.note("trail.failing", { cause });
    const sinceMs = this.#health.state === "failing" ? this.#health.sinceMs : this.#options.nowMs();
    this.#health = { state: "failing", cause, sinceMs };
  }
}

/** What it takes in memory and, roughly, on disk. */
function weightOf(batch: readonly SealedEvent[]): number {
  return batch.reduce((sum, { leaf, payload }) => sum + leaf.length + (payload?.length ?? 0) + 256, 256);
}

function recordsBytes(leaves: readonly NewLeaf[], texts: ReadonlyMap<NewLeaf, Uint8Array>): number {
  let bytes = 0;
  for (const { leaf } of leaves) bytes += LEAF_RECORD_BYTES + leaf.length;
  for (const text of texts.values()) bytes += TEXT_RECORD_BYTES + text.length + TAG_BYTES;
  return bytes;
}
