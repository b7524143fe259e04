/** Knows when nothing moves any more, by turns of the event loop and not by the clock. */

/** What one side writes is with the other within a turn or two; the gateway takes a few to make something of it. */
const STILL_TURNS = 12;

export class Stillness {
  #moves = 0;
  /** What is under way beside the event loop. */
  #pending = 0;

  moved(): void {
    this.#moves += 1;
  }

  async during<Value>(work: Promise<Value>): Promise<Value> {
    this.#pending += 1;
    try {
      return await work;
    } finally {
      this.#pending -= 1;
      this.#moves += 1;
    }
  }

  /** False: it never came. */
  async comes(endMs: number): Promise<boolean> {
    let seen = this.#moves;
    for (let still = 0; still < STILL_TURNS; still += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#moves === seen && this.#pending === 0) continue;
      if (Date.now() > endMs) return false;
      seen = this.#moves;
      still = 0;
    }
    return true;
  }
}
