/** Questions and answers of DNS, as far as a cluster needs them (RFC 1035, section 4). */
import { ipv4Bytes } from "#runtime/address.ts";

export const TYPES = { A: 1, CNAME: 5, AAAA: 28, SRV: 33, ANY: 255 } as const;
const INTERNET = 1;
export const CODES = { ok: 0, malformed: 1, failed: 2, unknownName: 3, unsupported: 4 } as const;
export type Code = keyof typeof CODES;

export interface Question {
  readonly id: number;
  /** Lower case, no final dot. */
  readonly name: string;
  readonly type: number;
  readonly wantsRecursion: boolean;
  /** As asked, letter by letter: a client may compare. */
  readonly raw: Buffer;
}

export type DnsRecord =
  | { readonly name: string; readonly type: "A"; readonly address: string }
  | { readonly name: string; readonly type: "CNAME"; readonly target: string }
  | { readonly name: string; readonly type: "SRV"; readonly port: number; readonly target: string };

export interface Answer {
  readonly code: Code;
  readonly records: readonly DnsRecord[];
}

const HEADER_BYTES = 12;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const RESPONSE = 0x8000;
const OPCODE = 0x7800;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
/** Short, since Services of tests come and go. */
const TTL_SECONDS = 1;

/** Nothing for what is no question with one name of class IN: there is nobody to answer. */
export function parseQuestion(message: Buffer): Question | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  const flags = message.readUInt16BE(2);
  if ((flags & (RESPONSE | OPCODE)) !== 0 || message.readUInt16BE(4) !== 1) return undefined;
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (;;) {
    const length = message[at];
    // A question is the first name in a message: there is nothing before it that it could point at.
    if (length === undefined || length > LABEL_BYTES_MAX || at - HEADER_BYTES > NAME_BYTES_MAX)
      return undefined;
    at += 1;
    if (length === 0) break;
    labels.push(message.toString("latin1", at, at + length).toLowerCase());
    at += length;
  }
  if (at + 4 > message.length || message.readUInt16BE(at + 2) !== INTERNET) return undefined;
  return {
    id: message.readUInt16BE(0),
    name: labels.join("."),
    type: message.readUInt16BE(at),
    wantsRecursion: (flags & RECURSION_DESIRED) !== 0,
    raw: message.subarray(HEADER_BYTES, at + 4),
  };
}

/** Without the records and marked so when it is longer than that: the client asks again over TCP. */
export function answerBytes(question: Question, { code, records }: Answer, bytesMax: number): Buffer {
  const whole = [header(question, code, records.length, false), question.raw, ...records.map(recordBytes)];
  const bytes = Buffer.concat(whole);
  if (bytes.length <= bytesMax) return bytes;
  return Buffer.concat([header(question, code, 0, true), question.raw]);
}

function header(question: Question, code: Code, records: number, isCut: boolean): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.writeUInt16BE(question.id, 0);
  const flags = RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | CODES[code];
  bytes.writeUInt16BE(flags | (isCut ? TRUNCATED : 0) | (question.wantsRecursion ? RECURSION_DESIRED : 0), 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(records, 6);
  return bytes;
}

function recordBytes(record: DnsRecord): Buffer {
  const data = dataOf(record);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(TYPES[record.type], 0);
  fixed.writeUInt16BE(INTERNET, 2);
  fixed.writeUInt32BE(TTL_SECONDS, 4);
  fixed.writeUInt16BE(data.length, 8);
  return Buffer.concat([nameBytes(record.name), fixed, data]);
}

function dataOf(record: DnsRecord): Uint8Array {
  switch (record.type) {
    case "A":
      return ipv4Bytes(record.address);
    case "CNAME":
      return nameBytes(record.target);
    case "SRV": {
      // Priority, weight, port.
      const fixed = Buffer.from([0, 0, 0, 100, record.port >> 8, record.port & 0xff]);
      return Buffer.concat([fixed, nameBytes(record.target)]);
    }
  }
}

function nameBytes(name: string): Buffer {
  const labels = name.split(".").map((label) => {
    const bytes = Buffer.from(label, "latin1");
    if (bytes.length === 0 || bytes.length > LABEL_BYTES_MAX)
      throw new RangeError(`"${name}" is no name for DNS`);
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  return Buffer.concat([...labels, Buffer.of(0)]);
}
