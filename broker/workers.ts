/** The data planes that are or were connected, and what each has been told. */
import type { PlanPush, Push, Report, SessionId } from "#core/port/port.ts";
import type { PodPeer } from "./pods/pods.ts";

export type PushListener = (push: Push) => void;

export interface Worker {
  /** The pod that it is in; undefined for those of this machine. */
  readonly peer: PodPeer | undefined;
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
  /** By pod and run: what a pod says of itself never leads to what is another's. */
  readonly #workers = new Map<string, Worker>();

  /** Undefined when the run is known under another name. */
  attach(name: string, run: string, peer: PodPeer | undefined): Worker | undefined {
    const key = keyOf(peer, run);
    const worker = this.#workers.get(key) ?? {
      peer,
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
    this.#workers.set(key, worker);
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
    const present = new Set(
      this.all().flatMap(({ attached, name, peer }) => (attached > 0 ? [keyOf(peer, name)] : [])),
    );
    const lost = this.all().filter(
      ({ attached, detachedMs, name, peer }) =>
        attached === 0 && (present.has(keyOf(peer, name)) || nowMs - detachedMs >= awayMs),
    );
    for (const { peer, run } of lost) this.#workers.delete(keyOf(peer, run));
    return lost;
  }

  broadcast(planFor: (peer: PodPeer | undefined) => PlanPush): void {
    for (const { listeners, peer } of this.#workers.values()) send(listeners, planFor(peer));
  }
}

function keyOf(peer: PodPeer | undefined, word: string): string {
  return JSON.stringify([peer?.uid, word]);
}

export function send(listeners: ReadonlySet<PushListener>, push: Push): void {
  for (const listener of listeners) listener(push);
}
