/** The data planes that are or were connected, and what each has been told. */
import type { Push, Report, SessionId } from "#core/port/port.ts";

export type PushListener = (push: Push) => void;

export interface Worker {
  readonly name: string;
  /** Which run of it: one that was started again is another one, which carries nothing on. */
  readonly run: string;
  /** Connections of it that are open; more than one for a moment while it reconnects. */
  attached: number;
  detachedMs: number;
  appliedVersion: string | undefined;
  report: Report | undefined;
  readonly listeners: Set<PushListener>;
  /** Sessions whose record may still be open. */
  readonly sessions: Set<SessionId>;
}

export class Workers {
  /** By run. */
  readonly #workers = new Map<string, Worker>();

  /** Undefined when the run is known under another name. */
  attach(name: string, run: string): Worker | undefined {
    const worker = this.#workers.get(run) ?? {
      name,
      run,
      attached: 0,
      detachedMs: 0,
      appliedVersion: undefined,
      report: undefined,
      listeners: new Set(),
      sessions: new Set(),
    };
    if (worker.name !== name) return undefined;
    worker.attached += 1;
    this.#workers.set(run, worker);
    return worker;
  }

  detach(worker: Worker, nowMs: number): void {
    worker.attached -= 1;
    worker.detachedMs = nowMs;
  }

  all(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  /** Those that have been away for that long, or were started again since, are forgotten. */
  removeLost(nowMs: number, awayMs: number): readonly Worker[] {
    const present = new Set(this.all().flatMap(({ attached, name }) => (attached > 0 ? [name] : [])));
    const lost = this.all().filter(
      ({ attached, detachedMs, name }) =>
        attached === 0 && (present.has(name) || nowMs - detachedMs >= awayMs),
    );
    for (const { run } of lost) this.#workers.delete(run);
    return lost;
  }

  broadcast(push: Push): void {
    for (const { listeners } of this.#workers.values()) send(listeners, push);
  }
}

export function send(listeners: ReadonlySet<PushListener>, push: Push): void {
  for (const listener of listeners) listener(push);
}
