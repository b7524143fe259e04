/**
 * A secret in memory. However it is printed it says `[secret]`, so that a log line, an error or a JSON body that catches
 * one by accident gives nothing away. The bytes are the ones handed in, not a copy, so `wipe` clears them for good.
 */
const PRINTED = "[secret]";

export class SecretBytes {
  readonly #bytes: Uint8Array;
  #wiped = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The bytes themselves; whoever needs them longer than the secret lives copies them and wipes the copy. */
  reveal(): Uint8Array {
    if (this.#wiped) throw new TypeError("a secret was used after it was wiped");
    return this.#bytes;
  }

  get isWiped(): boolean {
    return this.#wiped;
  }

  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return PRINTED;
  }

  toJSON(): string {
    return PRINTED;
  }

  [Symbol.toPrimitive](): string {
    return PRINTED;
  }

  /** What Node's `util.inspect`, and so console and assertion messages, ask for. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return PRINTED;
  }
}
