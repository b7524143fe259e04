/** Answers to questions about names (RFC 1035; extended errors of RFC 8914). */
import {
  type Question,
  HEADER_BYTES,
  IS_ANSWER,
  OPERATION,
  RECORD_BYTES,
  RECURSION_WANTED,
  TYPE,
} from "./question.ts";

export const CODES = {
  ok: 0,
  malformed: 1,
  unavailable: 2,
  noSuchName: 3,
  notImplemented: 4,
  refused: 5,
} as const;
export type Code = keyof typeof CODES;

export interface Answer {
  readonly code: Code;
  /** Of the type that was asked for; 4 or 16 bytes each. */
  readonly addresses?: readonly Uint8Array[];
  readonly ttlSeconds?: number;
  /** For people, where the asker understands extended errors. */
  readonly why?: string;
}

/** We are the one authority for the names of the pod, and whoever takes that for a broken server need not ask another. */
const AUTHORITATIVE = 0x0400;
const RECURSION_AVAILABLE = 0x0080;
const EXTENDED_ERROR = 15;
const OTHER_ERROR = 0;
/** What fits into a packet of IPv6 wherever it goes. */
const ANSWER_BYTES_MAX = 1_232;
/** To the name in the question. */
const POINTER = Buffer.from([0xc0, HEADER_BYTES]);
const INTERNET = 1;

export function answerQuestion(query: Buffer, question: Question, answer: Answer): Buffer {
  const { addresses = [], ttlSeconds = 0, why } = answer;
  const head = answerHeader(query, answer.code);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(addresses.length, 6);
  head.writeUInt16BE(Number(question.isExtended), 10);
  const records = addresses.map((address) => record(question.type, ttlSeconds, address));
  return Buffer.concat([head, question.section, ...records, ...(question.isExtended ? [opt(why)] : [])]);
}

/** For what has no question that could be repeated. */
export function answerHeader(query: Buffer, code: Code): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  query.copy(bytes, 0, 0, 2);
  const kept = query.readUInt16BE(2) & (OPERATION | RECURSION_WANTED);
  bytes.writeUInt16BE(IS_ANSWER | kept | AUTHORITATIVE | RECURSION_AVAILABLE | CODES[code], 2);
  return bytes;
}

function record(type: number, ttlSeconds: number, address: Uint8Array): Buffer {
  const bytes = Buffer.alloc(RECORD_BYTES);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(INTERNET, 2);
  bytes.writeUInt32BE(ttlSeconds, 4);
  bytes.writeUInt16BE(address.length, 8);
  return Buffer.concat([POINTER, bytes, address]);
}

function opt(why: string | undefined): Buffer {
  const text = why === undefined ? undefined : Buffer.from(why);
  const dataBytes = text === undefined ? 0 : 6 + text.length;
  const bytes = Buffer.alloc(1 + RECORD_BYTES + Math.min(dataBytes, 6));
  bytes.writeUInt16BE(TYPE.opt, 1);
  bytes.writeUInt16BE(ANSWER_BYTES_MAX, 3);
  bytes.writeUInt16BE(dataBytes, 9);
  if (text === undefined) return bytes;
  bytes.writeUInt16BE(EXTENDED_ERROR, 11);
  bytes.writeUInt16BE(2 + text.length, 13);
  bytes.writeUInt16BE(OTHER_ERROR, 15);
  return Buffer.concat([bytes, text]);
}
