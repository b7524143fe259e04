/** As much of DNS (RFC 1035; EDNS of RFC 6891, extended errors of RFC 8914) as it takes to refuse a question. */

const HEADER_BYTES = 12;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const TYPE_AND_CLASS_BYTES = 4;
/** Type, class, time to live and length of a record, behind its name. */
const RECORD_BYTES = 10;

const IS_ANSWER = 0x8000;
const OPERATION = 0x7800;
const RECURSION_WANTED = 0x0100;
const CODES = { malformed: 1, notImplemented: 4, refused: 5 } as const;

const OPT = 41;
const EXTENDED_ERROR = 15;
const OTHER_ERROR = 0;
/** What fits into a packet of IPv6 wherever it goes. */
const ANSWER_BYTES_MAX = 1_232;

/**
 * The answer that refuses `query`, with `why` in it where the asker understands extended errors. Undefined for what is no
 * question and must not be answered: answers above all, or two servers could talk for ever.
 */
export function refuseQuestion(query: Buffer, why: string): Buffer | undefined {
  if (query.length < HEADER_BYTES) return undefined;
  const flags = query.readUInt16BE(2);
  if ((flags & IS_ANSWER) !== 0) return undefined;
  if ((flags & OPERATION) !== 0) return header(query, CODES.notImplemented);
  const questions = query.readUInt16BE(4);
  const questionEnd = questions === 1 ? endOfName(query, HEADER_BYTES) + TYPE_AND_CLASS_BYTES : Number.NaN;
  if (!(questionEnd <= query.length)) return header(query, CODES.malformed);
  const isExtended = hasOpt(query, questionEnd);
  const answer = header(query, CODES.refused);
  answer.writeUInt16BE(1, 4);
  answer.writeUInt16BE(Number(isExtended), 10);
  const question = query.subarray(HEADER_BYTES, questionEnd);
  return Buffer.concat([answer, question, ...(isExtended ? [opt(why)] : [])]);
}

function header(query: Buffer, code: number): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  query.copy(bytes, 0, 0, 2);
  const kept = query.readUInt16BE(2) & (OPERATION | RECURSION_WANTED);
  bytes.writeUInt16BE(IS_ANSWER | kept | code, 2);
  return bytes;
}

/** NaN where there is no end. A question has no name before it that it could point at. */
function endOfName(bytes: Buffer, start: number): number {
  for (let at = start; at - start < NAME_BYTES_MAX; ) {
    const length = bytes[at];
    if (length === undefined || length > LABEL_BYTES_MAX) return Number.NaN;
    at += 1 + length;
    if (length === 0) return at;
  }
  return Number.NaN;
}

/** Whether what follows the question is the record that says so. Resolvers put it first; elsewhere it is not looked for. */
function hasOpt(query: Buffer, at: number): boolean {
  const [answers, authorities, additional] = [6, 8, 10].map((offset) => query.readUInt16BE(offset));
  if (answers !== 0 || authorities !== 0 || additional === 0) return false;
  return query.length >= at + 1 + RECORD_BYTES && query[at] === 0 && query.readUInt16BE(at + 1) === OPT;
}

function opt(why: string): Buffer {
  const text = Buffer.from(why);
  const bytes = Buffer.alloc(1 + RECORD_BYTES + 6);
  bytes.writeUInt16BE(OPT, 1);
  bytes.writeUInt16BE(ANSWER_BYTES_MAX, 3);
  bytes.writeUInt16BE(6 + text.length, 9);
  bytes.writeUInt16BE(EXTENDED_ERROR, 11);
  bytes.writeUInt16BE(2 + text.length, 13);
  bytes.writeUInt16BE(OTHER_ERROR, 15);
  return Buffer.concat([bytes, text]);
}
