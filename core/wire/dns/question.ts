/** As much of DNS (RFC 1035; EDNS of RFC 6891) as it takes to read one question. */

export const HEADER_BYTES = 12;
const NAME_BYTES_MAX = 255;
const LABEL_BYTES_MAX = 63;
const TYPE_AND_CLASS_BYTES = 4;
/** Type, class, time to live and length of a record, behind its name. */
export const RECORD_BYTES = 10;

export const IS_ANSWER = 0x8000;
export const OPERATION = 0x7800;
export const RECURSION_WANTED = 0x0100;

export const TYPE = { a: 1, aaaa: 28, opt: 41, any: 255 } as const;
const INTERNET = 1;

export interface Question {
  /** Lower case, with dots between its labels; undefined for one that no host of ours could have. */
  readonly name: string | undefined;
  readonly type: number;
  readonly isInternet: boolean;
  /** Who understands extended errors. */
  readonly isExtended: boolean;
  /** As it was asked, letter by letter: askers check it. */
  readonly section: Buffer;
}

export type Asked =
  | { readonly kind: "question"; readonly question: Question }
  | { readonly kind: "other-operation" }
  | { readonly kind: "malformed" }
  /** Not to be answered: an answer above all, or two servers could talk for ever. */
  | { readonly kind: "none" };

export function readQuestion(query: Buffer): Asked {
  if (query.length < HEADER_BYTES) return { kind: "none" };
  const flags = query.readUInt16BE(2);
  if ((flags & IS_ANSWER) !== 0) return { kind: "none" };
  if ((flags & OPERATION) !== 0) return { kind: "other-operation" };
  if (query.readUInt16BE(4) !== 1) return { kind: "malformed" };
  const read = readName(query, HEADER_BYTES);
  const end = (read?.end ?? Number.NaN) + TYPE_AND_CLASS_BYTES;
  if (read === undefined || !(end <= query.length)) return { kind: "malformed" };
  const question = {
    name: read.name,
    type: query.readUInt16BE(read.end),
    isInternet: query.readUInt16BE(read.end + 2) === INTERNET,
    isExtended: hasOpt(query, end),
    section: query.subarray(HEADER_BYTES, end),
  };
  return { kind: "question", question };
}

const LABEL = /^[a-z0-9_-]+$/;

/** Undefined where there is no end. A question has no name before it that it could point at. */
function readName(
  bytes: Buffer,
  start: number,
): { readonly name: string | undefined; readonly end: number } | undefined {
  const labels: string[] = [];
  for (let at = start; at - start < NAME_BYTES_MAX; ) {
    const length = bytes[at];
    if (length === undefined || length > LABEL_BYTES_MAX) return undefined;
    at += 1 + length;
    if (length === 0) {
      const isOfHost = labels.length > 0 && labels.every((label) => LABEL.test(label));
      return { name: isOfHost ? labels.join(".") : undefined, end: at };
    }
    labels.push(bytes.toString("latin1", at - length, at).toLowerCase());
  }
  return undefined;
}

/** Whether what follows the question is the record that says so. Resolvers put it first; elsewhere it is not looked for. */
function hasOpt(query: Buffer, at: number): boolean {
  const [answers, authorities, additional] = [6, 8, 10].map((offset) => query.readUInt16BE(offset));
  if (answers !== 0 || authorities !== 0 || additional === 0) return false;
  return query.length >= at + 1 + RECORD_BYTES && query[at] === 0 && query.readUInt16BE(at + 1) === TYPE.opt;
}
