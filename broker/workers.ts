/** The data planes that are or were connected, and what each has been told. */
import type { Push, Report, SessionId } from "#core/port/port.ts";

export type PushListener = (push: Push) => void;

export interface Worker {
  readonly name: string;
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
  readonly #workers = new Map<string, Worker>();

  attach(name: string): Worker {
    const worker = this.#workers.get(name) ?? {
      name,
      attached: 0,
      detachedMs: 0,
      appliedVersion: undefined,
      report: undefined,
      listeners: new Set(),
      sessions: new Set(),
    };
    worker.attached += 1;
    this.#workers.set(name, worker);
    return worker;
  }

  detach(worker: Worker, nowMs: number): void {
    worker.attached -= 1;
    worker.detachedMs = nowMs;
  }

  all(): readonly Worker[] {
    return [...this.#workers.values()];
  }

  /** Those that have been away for that long are forgotten. */
  removeLost(nowMs: number, awayMs: number): readonly Worker[] {
    const lost = this.all().filter(
      ({ attached, detachedMs }) => attached === 0 && nowMs - detachedMs >= awayMs,
    );
    for (const { name } of lost) this.#workers.delete(name);
    return lost;
  }

  broadcast(push: Push): void {
    for (const { listeners } of this.#workers.values()) send(listeners, push);
  }
}

export function send(listeners: ReadonlySet<PushListener>, push: Push): void {
  for (const listener of listeners) listener(push);
}
