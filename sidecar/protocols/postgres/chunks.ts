/** What has arrived and was not looked at yet, in its order. Mostly that is one chunk, which is taken at once. */
export class Chunks {
  /** All that waits, in bytes. */
  bytes = 0;
  #first: Buffer | undefined;
  readonly #later: Buffer[] = [];

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    if (this.#first === undefined) this.#first = chunk;
    else this.#later.push(chunk);
  }

  take(): Buffer | undefined {
    const chunk = this.#first;
    if (chunk === undefined) return undefined;
    this.bytes -= chunk.length;
    this.#first = this.#later.length === 0 ? undefined : this.#later.shift();
    return chunk;
  }
}
