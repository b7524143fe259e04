/** Who listens on one connection of a data plane, and which plan they were told last. */
import type { PlanPush } from "#core/port/port.ts";
import type { PushListener, Worker } from "./workers.ts";

export class Audience {
  readonly #currentPlan: () => PlanPush | undefined;
  readonly #listeners = new Set<PushListener>();
  #worker: Worker | undefined;
  #told: PlanPush | undefined;
  #toldMs = 0;

  constructor(currentPlan: () => PlanPush | undefined) {
    this.#currentPlan = currentPlan;
  }

  /** Hears from now on what is for this data plane; undefined: for none. */
  follow(worker: Worker | undefined): void {
    for (const listener of this.#listeners) {
      this.#worker?.listeners.delete(listener);
      worker?.listeners.add(listener);
    }
    this.#worker = worker;
  }

  listen(hear: PushListener, signal: AbortSignal): void {
    if (signal.aborted) return;
    const listener: PushListener = (push) => {
      if (push.kind === "plan") this.#take(push);
      hear(push);
    };
    this.#listeners.add(listener);
    this.#worker?.listeners.add(listener);
    signal.addEventListener("abort", () => {
      this.#listeners.delete(listener);
      this.#worker?.listeners.delete(listener);
    });
    const plan = this.#currentPlan();
    if (plan !== undefined) listener(plan);
  }

  /** When the plan of that version was told, if it is the last one that was; monotonic. */
  toldSinceMs(version: string): number | undefined {
    return this.#told?.version === version ? this.#toldMs : undefined;
  }

  /** Another plan may be meant for it since it is known whose pod it is. */
  catchUp(): void {
    const plan = this.#currentPlan();
    if (plan === undefined || plan === this.#told) return;
    for (const listener of this.#listeners) listener(plan);
  }

  #take(plan: PlanPush): void {
    // What is told again has been under way since the first time.
    if (plan.version !== this.#told?.version) this.#toldMs = performance.now();
    this.#told = plan;
  }
}
