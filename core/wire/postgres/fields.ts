/** Reading and writing the parts that messages are made of. */

/** A message contradicts its own lengths. Thrown by readers, caught where the stream is scanned: the peer broke its protocol. */
export class MalformedMessage extends Error {
  override readonly name = "MalformedMessage";
}

/** Walks one message's body; every read is bounded by the body's end. */
export class BodyReader {
  readonly bytes: Buffer;
  at: number;
  readonly end: number;

  constructor(bytes: Buffer, start: number, end: number) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  byte(): number {
    this.#need(1);
    return this.bytes[this.at++] as number;
  }

  int16(): number {
    this.#need(2);
    const value = this.bytes.readInt16BE(this.at);
    this.at += 2;
    return value;
  }

  int32(): number {
    this.#need(4);
    const value = this.bytes.readInt32BE(this.at);
    this.at += 4;
    return value;
  }

  uint32(): number {
    return this.int32() >>> 0;
  }

  take(bytes: number): Buffer {
    this.#need(bytes);
    this.at += bytes;
    return this.bytes.subarray(this.at - bytes, this.at);
  }

  /** The bytes of a zero-terminated string, without the zero. */
  cstringBytes(): Buffer {
    const zero = this.bytes.indexOf(0, this.at);
    if (zero < 0 || zero >= this.end) throw new MalformedMessage("a string does not end");
    const value = this.bytes.subarray(this.at, zero);
    this.at = zero + 1;
    return value;
  }

  cstring(): string {
    return this.cstringBytes().toString("utf8");
  }

  rest(): Buffer {
    return this.take(this.end - this.at);
  }

  done(): void {
    if (this.at !== this.end) throw new MalformedMessage("a message is longer than what it says");
  }

  #need(bytes: number): void {
    if (bytes < 0 || this.at + bytes > this.end) throw new MalformedMessage("a message ends early");
  }
}

/** A message of the given type around its body. */
export function message(type: string, ...body: readonly Uint8Array[]): Buffer {
  let lengthBytes = 4;
  for (const part of body) lengthBytes += part.length;
  const out = Buffer.allocUnsafe(lengthBytes + 1);
  out[0] = type.charCodeAt(0);
  out.writeInt32BE(lengthBytes, 1);
  let at = 5;
  for (const part of body) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

export function cstring(text: string): Buffer {
  if (text.includes("\0")) throw new RangeError("a zero-terminated string holds no zero");
  return Buffer.from(`${text}\0`, "utf8");
}

export function int16(value: number): Buffer {
  const out = Buffer.allocUnsafe(2);
  out.writeInt16BE(value);
  return out;
}

export function int32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4);
  out.writeInt32BE(value);
  return out;
}
