/**
 * The canonical text of the two kinds that every statement leaves, written out member by member: general code takes ten
 * times as long. What is not as plain as nearly all of them are is left to it.
 */
import type { AuditEvent, RequestEvent, ResultEvent } from "./event.ts";

const STRING_CHARACTERS_MAX = 256;
const LIST_ITEMS_MAX = 32;
/** Far below what a leaf may hold, so that nothing has to be cut. */
const TEXT_CHARACTERS_MAX = 16 * 1024;

/** The same as `canonicalText` of the event; undefined where it has to be asked. */
export function plainText(event: AuditEvent): string | undefined {
  if (event.kind !== "request" && event.kind !== "result") return undefined;
  const text = event.kind === "request" ? requestText(event) : resultText(event);
  return text === undefined || text.length > TEXT_CHARACTERS_MAX ? undefined : text;
}

const REQUEST_MEMBERS = 14;
const RESULT_MEMBERS = 10;

function requestText(event: RequestEvent): string | undefined {
  const { accesses, atMs, by, classes, code, doubts, observed, outcome, request, seq, session } = event;
  const members = by === undefined ? REQUEST_MEMBERS : REQUEST_MEMBERS + 1;
  const strings = [by ?? "", code, outcome, session, event.textDigest];
  const numbers = [atMs, request, seq, event.textBytes, event.v];
  const lists = [accesses, classes, doubts, observed];
  if (Object.keys(event).length !== members || !lists.every(arePlain)) return undefined;
  if (!strings.every(isPlain) || !numbers.every(Number.isSafeInteger)) return undefined;
  const rule = by === undefined ? "" : `"by":"${by}",`;
  const words = `"classes":${list(classes)},"code":"${code}","doubts":${list(doubts)}`;
  const head = `{"accesses":${list(accesses)},"atMs":${atMs},${rule}${words},"kind":"request"`;
  const found = `"observed":${list(observed)},"outcome":"${outcome}","request":${request},"seq":${seq}`;
  const text = `"textBytes":${event.textBytes},"textDigest":"${event.textDigest}"`;
  return `${head},${found},"session":"${session}",${text},"v":${event.v}}`;
}

function resultText(event: ResultEvent): string | undefined {
  const { atMs, bytes, ended, errorCode, maskedValues, request, rows, seq, session } = event;
  const members = errorCode === undefined ? RESULT_MEMBERS : RESULT_MEMBERS + 1;
  const strings = [errorCode ?? "", ended, session];
  const numbers = [atMs, bytes, maskedValues, request, rows, seq, event.v];
  if (Object.keys(event).length !== members) return undefined;
  if (!strings.every(isPlain) || !numbers.every(Number.isSafeInteger)) return undefined;
  const error = errorCode === undefined ? "" : `"errorCode":"${errorCode}",`;
  const head = `{"atMs":${atMs},"bytes":${bytes},"ended":"${ended}",${error}"kind":"result"`;
  const counts = `"maskedValues":${maskedValues},"request":${request},"rows":${rows},"seq":${seq}`;
  return `${head},${counts},"session":"${session}","v":${event.v}}`;
}

/** Printable ASCII without the two signs that JSON escapes: stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const isPlain = (word: string): boolean => word.length <= STRING_CHARACTERS_MAX && PLAIN.test(word);

const arePlain = (words: readonly string[]): boolean =>
  words.length <= LIST_ITEMS_MAX && words.every(isPlain);

const list = (words: readonly string[]): string => (words.length === 0 ? "[]" : `["${words.join('","')}"]`);
