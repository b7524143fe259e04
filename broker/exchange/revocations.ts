/**
 * Puts on record which revocations are in force at this broker and which sessions they ended here. They are in force by being policies;
 * nothing is decided here.
 */
import type { EventBody } from "#core/audit/event.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import type { RuleRef } from "#core/policy/decision.ts";
import { type Revocation, revocationIn } from "#core/policy/revocation.ts";
import type { SessionId } from "#core/port/port.ts";
import { type Note, causeOf } from "../note.ts";
import type { Trail } from "../trail/trail.ts";

export interface RevocationsDeps {
  readonly trail: Pick<Trail, "say">;
  readonly now: () => number;
  readonly note: Note;
}

const RECORD_MS_MAX = 5_000;
const SESSIONS_PER_EVENT = 256;
/** What waits while the trail cannot be written. */
const WAITING_MAX = 4_096;

export class Revocations {
  readonly #deps: RevocationsDeps;
  #known: ReadonlyMap<string, Revocation> = new Map();
  readonly #over = new Set<string>();
  /** Who takes it away, where that is known, until it is gone. */
  readonly #liftedBy = new Map<string, string>();
  /** Sessions that have ended since the last event, by guardrail. */
  readonly #ended = new Map<string, SessionId[]>();
  readonly #waiting: EventBody[] = [];
  #saying: Promise<void> | undefined;
  /** Said once, and not at every sweep. */
  #isFailing = false;

  constructor(deps: RevocationsDeps) {
    this.#deps = deps;
  }

  update(policies: readonly PolicySource[]): void {
    const before = this.#known;
    const found = policies.flatMap((source) =>
      source.state === "good" ? (revocationIn(source.policy) ?? []) : [],
    );
    this.#known = new Map(found.map((one) => [one.name, one]));
    for (const name of before.keys()) if (!this.#known.has(name)) this.#lifted(name);
    for (const one of found) if (!before.has(one.name)) this.#enforced(one);
  }

  lifting(guardrail: string, by: string): void {
    if (this.#known.has(guardrail)) this.#liftedBy.set(guardrail, by);
  }

  /** `by`: the rule that denies the session what it has. */
  ended(session: SessionId, by: RuleRef | undefined): void {
    if (by?.kind !== "ClusterSecretAccessPolicy" || !this.#known.has(by.policy)) return;
    const sessions = this.#ended.get(by.policy) ?? [];
    sessions.push(session);
    this.#ended.set(by.policy, sessions);
  }

  sweep(): void {
    for (const [guardrail, sessions] of this.#ended) this.#tellEnded(guardrail, sessions);
    this.#ended.clear();
    for (const { name, untilMs } of this.#known.values())
      if (untilMs <= this.#deps.now()) this.#expired(name);
    this.#say();
  }

  /** Once what waited is on record, or it is known that it cannot be now. */
  async settled(): Promise<void> {
    this.sweep();
    await this.#saying;
  }

  #enforced({ name, by, because, whom, untilMs }: Revocation): void {
    if (untilMs <= this.#deps.now()) {
      this.#over.add(name);
      return;
    }
    this.#deps.note("revocation.enforced", { guardrail: name, by });
    const until = Number.isFinite(untilMs) ? { untilMs } : {};
    this.#queue({ kind: "revocation.enforced", guardrail: name, by, because, whom, ...until });
  }

  #lifted(guardrail: string): void {
    const by = this.#liftedBy.get(guardrail);
    this.#liftedBy.delete(guardrail);
    if (!this.#over.delete(guardrail)) this.#endedBy(guardrail, "lifted", by);
  }

  #expired(guardrail: string): void {
    if (this.#over.has(guardrail)) return;
    this.#over.add(guardrail);
    this.#endedBy(guardrail, "expired");
  }

  #endedBy(guardrail: string, how: "expired" | "lifted", who?: string): void {
    const by = who === undefined ? {} : { by: who };
    this.#deps.note("revocation.ended", { guardrail, how, ...by });
    this.#queue({ kind: "revocation.ended", guardrail, how, ...by });
  }

  #tellEnded(guardrail: string, sessions: readonly SessionId[]): void {
    const { by = "", because = "" } = this.#known.get(guardrail) ?? {};
    this.#deps.note("sessions.revoked", { guardrail, by, sessions: sessions.length });
    for (let at = 0; at < sessions.length; at += SESSIONS_PER_EVENT) {
      const some = sessions.slice(at, at + SESSIONS_PER_EVENT);
      this.#queue({ kind: "sessions.revoked", guardrail, by, because, sessions: some });
    }
  }

  #queue(body: EventBody): void {
    if (this.#waiting.length < WAITING_MAX) this.#waiting.push(body);
    else
      this.#deps.note("revocation.not-recorded", { kind: body.kind, cause: "too much waits for the trail" });
  }

  #say(): void {
    if (this.#waiting.length === 0) return;
    this.#saying ??= this.#sayAll().finally(() => {
      this.#saying = undefined;
    });
  }

  /** In order, and as far as the trail goes; the next sweep tries again. */
  async #sayAll(): Promise<void> {
    for (let body = this.#waiting[0]; body !== undefined; body = this.#waiting[0]) {
      try {
        const refused = await this.#deps.trail.say(body, AbortSignal.timeout(RECORD_MS_MAX));
        if (refused !== undefined) return this.#failed(body, refused.code);
      } catch (error) {
        return this.#failed(body, causeOf(error));
      }
      this.#waiting.shift();
      this.#isFailing = false;
    }
  }

  #failed({ kind }: EventBody, cause: string): void {
    if (!this.#isFailing) this.#deps.note("revocation.not-recorded", { kind, cause });
    this.#isFailing = true;
  }
}
