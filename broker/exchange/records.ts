/** Which sessions' records are still open, and who is answerable for them. A gap is a fact, never silence. */
import type { SessionId } from "#core/port/port.ts";
import { type Note, causeOf } from "../note.ts";
import type { Trail } from "../trail/trail.ts";
import type { Worker, Workers } from "../workers.ts";
import type { Sessions } from "./sessions.ts";

const SWEEP_EVERY_MS = 30_000;

export interface RecordsDeps {
  readonly trail: Pick<Trail, "unfinished" | "declareLost">;
  readonly workers: Workers;
  readonly sessions: Sessions;
  readonly now: () => number;
  readonly note: Note;
  /** From then on a record that an earlier broker began and nobody speaks for is a lost one. */
  readonly adoptedAfterMs: number;
}

export class Records {
  readonly #deps: RecordsDeps;
  readonly #inherited: Set<SessionId>;
  readonly #running = new Set<Promise<void>>();
  #dueMs = 0;

  constructor(deps: RecordsDeps) {
    this.#deps = deps;
    this.#inherited = new Set(deps.trail.unfinished());
  }

  lost({ sessions }: Worker): void {
    for (const session of sessions) this.#declare(session);
  }

  sweep(): void {
    const { trail, workers, now, adoptedAfterMs } = this.#deps;
    if (now() < this.#dueMs) return;
    this.#dueMs = now() + SWEEP_EVERY_MS;
    const open = new Set(trail.unfinished());
    for (const { sessions } of workers.all()) {
      for (const session of sessions) {
        if (!open.has(session) && this.#deps.sessions.get(session) === undefined) sessions.delete(session);
      }
    }
    if (now() < adoptedAfterMs) return;
    // No lease of an earlier broker's is valid any more: whoever carries on with one of its sessions has come for another.
    for (const { sessions } of workers.all()) for (const session of sessions) this.#inherited.delete(session);
    for (const session of this.#inherited) if (open.has(session)) this.#declare(session);
    this.#inherited.clear();
  }

  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #declare(session: SessionId): void {
    const work = this.#tell(session).finally(() => this.#running.delete(work));
    this.#running.add(work);
  }

  async #tell(session: SessionId): Promise<void> {
    const { trail, note } = this.#deps;
    try {
      const refused = await trail.declareLost(session, new AbortController().signal);
      if (refused !== undefined) note("record.not-closed", { session, code: refused.code });
    } catch (error) {
      note("record.not-closed", { session, cause: causeOf(error) });
    }
  }
}
