/** As much of a TLS ClientHello as says which server the client means (RFC 8446, section 4.1.2; RFC 6066, section 3). */

export type FirstBytes =
  /** Too few bytes to tell. */
  | { readonly kind: "more" }
  | { readonly kind: "not-tls" }
  | { readonly kind: "tls"; readonly serverName: string | undefined }
  /** It begins like TLS and is none, or none that can be followed. */
  | { readonly kind: "broken" };

const HANDSHAKE = 0x16;
const MAJOR_VERSION = 0x03;
const CLIENT_HELLO = 0x01;
const SERVER_NAME = 0;
const HOST_NAME = 0;
const RECORD_HEADER_BYTES = 5;
const RECORD_BYTES_MAX = 16_384;
/** Several records with post-quantum keys and long extensions; more is no greeting. */
export const CLIENT_HELLO_BYTES_MAX = 64 * 1024;
const HELLO_HEADER_BYTES = 4;
const RANDOM_BYTES = 32;

export function readFirstBytes(bytes: Uint8Array): FirstBytes {
  const [type, major] = bytes;
  if (type === undefined) return { kind: "more" };
  if (type !== HANDSHAKE) return { kind: "not-tls" };
  if (major === undefined) return { kind: "more" };
  if (major !== MAJOR_VERSION) return { kind: "not-tls" };
  const handshake = unwrapRecords(bytes);
  if (handshake === undefined) return { kind: "broken" };
  if (handshake.length < HELLO_HEADER_BYTES) return { kind: "more" };
  if (handshake[0] !== CLIENT_HELLO) return { kind: "broken" };
  const length = uint(handshake, 1, 3);
  if (length > CLIENT_HELLO_BYTES_MAX) return { kind: "broken" };
  if (handshake.length < HELLO_HEADER_BYTES + length) return { kind: "more" };
  const hello = new Cursor(handshake.subarray(HELLO_HEADER_BYTES, HELLO_HEADER_BYTES + length));
  try {
    return { kind: "tls", serverName: serverNameIn(hello) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { kind: "broken" };
  }
}

/** The handshake's bytes as far as they are there; undefined when a record is none of a handshake. */
function unwrapRecords(bytes: Uint8Array): Uint8Array | undefined {
  const parts: Uint8Array[] = [];
  let at = 0;
  while (bytes.length - at >= RECORD_HEADER_BYTES) {
    if (bytes[at] !== HANDSHAKE || bytes[at + 1] !== MAJOR_VERSION) break;
    const length = uint(bytes, at + 3, 2);
    if (length === 0 || length > RECORD_BYTES_MAX) return undefined;
    const start = at + RECORD_HEADER_BYTES;
    parts.push(bytes.subarray(start, start + length));
    at = start + length;
  }
  // What is not a handshake may follow a whole ClientHello, as early data does, and never stand in one.
  return Buffer.concat(parts);
}

function serverNameIn(hello: Cursor): string | undefined {
  hello.skip(2 + RANDOM_BYTES);
  hello.skip(hello.uint(1));
  hello.skip(hello.uint(2));
  hello.skip(hello.uint(1));
  if (hello.isAtEnd) return undefined;
  const extensions = hello.take(hello.uint(2));
  let found: string | undefined;
  while (!extensions.isAtEnd) {
    const type = extensions.uint(2);
    const content = extensions.take(extensions.uint(2));
    if (type !== SERVER_NAME) continue;
    // Twice is twice an answer; servers differ in which they take.
    if (found !== undefined) throw new RangeError("two server names");
    found = hostNameIn(content.take(content.uint(2)));
  }
  return found;
}

function hostNameIn(list: Cursor): string | undefined {
  let found: string | undefined;
  while (!list.isAtEnd) {
    const type = list.uint(1);
    const name = list.take(list.uint(2)).text();
    if (type !== HOST_NAME) continue;
    if (found !== undefined) throw new RangeError("two host names");
    found = name;
  }
  return found;
}

/** Throws a RangeError where there is less than is asked for. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  skip(count: number): void {
    if (this.#at + count > this.#bytes.length) throw new RangeError("it ends too early");
    this.#at += count;
  }

  uint(width: number): number {
    const start = this.#at;
    this.skip(width);
    return uint(this.#bytes, start, width);
  }

  take(count: number): Cursor {
    const start = this.#at;
    this.skip(count);
    return new Cursor(this.#bytes.subarray(start, start + count));
  }

  text(): string {
    return Buffer.from(this.#bytes).toString("latin1");
  }
}

function uint(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let index = at; index < at + width; index += 1) value = value * 256 + (bytes[index] ?? 0);
  return value;
}
