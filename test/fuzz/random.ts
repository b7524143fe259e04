/** Chance that can be had again: the same seed gives the same choices on every machine. */
export class Random {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds are to have nothing in common.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) >>> 0;
    this.#next();
  }

  /** mulberry32 */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** A whole number from 0 on, below `end`. */
  below(end: number): number {
    return this.#next() % end;
  }

  /** True once in so many times. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<Value>(from: readonly Value[]): Value {
    const picked = from[this.below(from.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  many<Value>(countMax: number, make: () => Value): Value[] {
    return Array.from({ length: 1 + this.below(countMax) }, make);
  }

  bytes(lengthMax: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(lengthMax + 1) }, () => this.below(256)));
  }

  /** Cuts into pieces: often none, often a few, sometimes every few bytes. */
  cut(bytes: Buffer): Buffer[] {
    const way = this.below(4);
    if (way === 0 || bytes.length < 2) return [bytes];
    const lengthMax = way === 1 ? 7 : way === 2 ? 40 : bytes.length;
    const pieces: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = Math.min(bytes.length, at + 1 + this.below(lengthMax));
      pieces.push(bytes.subarray(at, end));
      at = end;
    }
    return pieces;
  }
}
