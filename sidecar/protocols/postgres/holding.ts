/** What a peer's unfinished message holds: beyond what every session may, it is taken from what the process has for all. */
import type { MemoryBudget } from "./long-row.ts";

export const HELD_BYTES_FREE: number = 64 * 1024;

export class Holding {
  readonly #budget: MemoryBudget;
  #takenBytes = 0;

  constructor(budget: MemoryBudget) {
    this.#budget = budget;
  }

  /** So much is held now. False when the process has no more to give; then nothing has changed. */
  hold(bytes: number): boolean {
    const wanted = bytes > HELD_BYTES_FREE ? bytes : 0;
    const more = wanted - this.#takenBytes;
    if (more > 0 && !this.#budget.take(more)) return false;
    if (more < 0) this.#budget.give(-more);
    this.#takenBytes = wanted;
    return true;
  }
}
