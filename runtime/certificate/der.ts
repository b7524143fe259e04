/** As much of DER (X.690) as a certificate of ours needs: written only, never read. */

export type Der = Uint8Array;

const UNIVERSAL = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  sequence: 0x30,
  set: 0x31,
} as const;

export const TRUE: Der = tagged(UNIVERSAL.boolean, Uint8Array.of(0xff));

export const sequence = (...parts: readonly Der[]): Der => tagged(UNIVERSAL.sequence, ...parts);
export const set = (...parts: readonly Der[]): Der => tagged(UNIVERSAL.set, ...parts);
export const utf8 = (text: string): Der => tagged(UNIVERSAL.utf8, Buffer.from(text, "utf8"));
export const octets = (content: Uint8Array): Der => tagged(UNIVERSAL.octets, content);

/** Not negative, shortest form. */
export function integer(magnitude: Uint8Array): Der {
  const start = magnitude.findIndex((byte) => byte !== 0);
  const bytes = start < 0 ? Uint8Array.of(0) : magnitude.subarray(start);
  const isNegative = (bytes[0] ?? 0) >= 0x80;
  return tagged(UNIVERSAL.integer, isNegative ? Uint8Array.of(0) : new Uint8Array(), bytes);
}

/** `unused`: how many of the last byte's low bits do not count. */
export function bits(content: Uint8Array, unused = 0): Der {
  return tagged(UNIVERSAL.bits, Uint8Array.of(unused), content);
}

/** `1.2.840.10045.4.3.2` */
export function oid(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [40 * first + second, ...rest].flatMap(base128);
  return tagged(UNIVERSAL.oid, Uint8Array.from(bytes));
}

/** To the second; two digits of the year say the years up to 2049 (RFC 5280, section 4.1.2.5). */
export function utcTime(ms: number): Der {
  const [year, rest] = [new Date(ms).toISOString().slice(2, 4), new Date(ms).toISOString().slice(5, 19)];
  return tagged(UNIVERSAL.utcTime, Buffer.from(`${year}${rest.replaceAll(/[-T:]/g, "")}Z`, "latin1"));
}

/** `[number] EXPLICIT`. */
export const explicit = (number: number, content: Der): Der => tagged(0xa0 + number, content);
/** `[number] IMPLICIT` of something that is not made of parts. */
export const implicit = (number: number, content: Uint8Array): Der => tagged(0x80 + number, content);

function tagged(tag: number, ...contents: readonly Uint8Array[]): Der {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag, ...lengthBytes(content.length)), content]);
}

function lengthBytes(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 + bytes.length, ...bytes];
}

function base128(value: number): readonly number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift(0x80 + (rest % 128));
  return bytes;
}
