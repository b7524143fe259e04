/**
 * The canonical text of what statements leave, written out member by member: general code takes ten times as long. What is not as
 * plain as nearly all of them are is left to it.
 */
import type { AskedRequest, AuditEvent, Decided, RequestsEvent, Result } from "./event.ts";

const STRING_CHARACTERS_MAX = 256;
const LIST_ITEMS_MAX = 32;
/** Far below what a leaf may hold, so that nothing has to be cut. */
const TEXT_CHARACTERS_MAX = 48 * 1024;

/** The same as `canonicalText` of the event; undefined where it has to be asked. */
export function plainText(event: AuditEvent): string | undefined {
  if (event.kind !== "requests") return undefined;
  const text = requestsText(event);
  return text === undefined || text.length > TEXT_CHARACTERS_MAX ? undefined : text;
}

const EVENT_MEMBERS = 8;
const ASKED_MEMBERS = 5;
const RESULT_MEMBERS = 5;

function requestsText(event: RequestsEvent): string | undefined {
  const { atMs, decided, requests, results, seq, session, v } = event;
  if (Object.keys(event).length !== EVENT_MEMBERS) return undefined;
  if (!arePlainNumbers(atMs, seq, v) || !isPlain(session)) return undefined;
  const lists = [listText(decided, decidedText), listText(requests, askedText), listText(results, lateText)];
  const [ways, asked, late] = lists;
  if (ways === undefined || asked === undefined || late === undefined) return undefined;
  const head = `{"atMs":${atMs},"decided":${ways},"kind":"requests","requests":${asked},"results":${late}`;
  return `${head},"seq":${seq},"session":"${session}","v":${v}}`;
}

function listText<Item>(items: readonly Item[], say: (item: Item) => string | undefined): string | undefined {
  let text = "";
  for (const item of items) {
    const said = say(item);
    if (said === undefined) return undefined;
    text += text === "" ? said : `,${said}`;
  }
  return `[${text}]`;
}

const decidedTexts = new WeakMap<Decided, { readonly text: string | undefined }>();

/** Of one that many requests share it is made once. */
export function decidedText(decided: Decided): string | undefined {
  let known = decidedTexts.get(decided);
  if (known === undefined) decidedTexts.set(decided, (known = { text: newDecidedText(decided) }));
  return known.text;
}

const DECIDED_MEMBERS = 6;

function newDecidedText(decided: Decided): string | undefined {
  const { accesses, by, classes, code, doubts, observed, outcome } = decided;
  const members = by === undefined ? DECIDED_MEMBERS : DECIDED_MEMBERS + 1;
  if (Object.keys(decided).length !== members) return undefined;
  if (![by ?? "", code, outcome].every(isPlain)) return undefined;
  if (![accesses, classes, doubts, observed].every(arePlain)) return undefined;
  const rule = by === undefined ? "" : `"by":"${by}",`;
  const head = `{"accesses":${words(accesses)},${rule}"classes":${words(classes)},"code":"${code}"`;
  return `${head},"doubts":${words(doubts)},"observed":${words(observed)},"outcome":"${outcome}"}`;
}

function askedText(asked: AskedRequest): string | undefined {
  const { as, atMs, request, result, textBytes, textDigest } = asked;
  const members = "result" in asked ? ASKED_MEMBERS + 1 : ASKED_MEMBERS;
  if (Object.keys(asked).length !== members || !isPlain(textDigest)) return undefined;
  if (!arePlainNumbers(as, atMs, request) || !Number.isSafeInteger(textBytes)) return undefined;
  const said = result === undefined ? "" : resultText(result, RESULT_MEMBERS, "");
  if (said === undefined) return undefined;
  const head = `{"as":${as},"atMs":${atMs},"request":${request},${said === "" ? "" : `"result":${said},`}`;
  return `${head}"textBytes":${textBytes},"textDigest":"${textDigest}"}`;
}

function lateText(result: RequestsEvent["results"][number]): string | undefined {
  if (!Number.isSafeInteger(result.request)) return undefined;
  return resultText(result, RESULT_MEMBERS + 1, `"request":${result.request},`);
}

function resultText(result: Result, membersWithout: number, request: string): string | undefined {
  const { atMs, bytes, ended, errorCode, maskedValues, rows } = result;
  const members = errorCode === undefined ? membersWithout : membersWithout + 1;
  if (Object.keys(result).length !== members || !isPlain(ended)) return undefined;
  if (!arePlainNumbers(atMs, bytes, maskedValues) || !Number.isSafeInteger(rows)) return undefined;
  if (errorCode !== undefined && !isPlain(errorCode)) return undefined;
  const error = errorCode === undefined ? "" : `"errorCode":"${errorCode}",`;
  const head = `{"atMs":${atMs},"bytes":${bytes},"ended":"${ended}",${error}"maskedValues":${maskedValues}`;
  return `${head},${request}"rows":${rows}}`;
}

/** Printable ASCII without the two signs that JSON escapes: stands in JSON as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;
const isPlain = (word: string): boolean => word.length <= STRING_CHARACTERS_MAX && PLAIN.test(word);

const arePlain = (list: readonly string[]): boolean => list.length <= LIST_ITEMS_MAX && list.every(isPlain);

function arePlainNumbers(one: number, two: number, three: number): boolean {
  return Number.isSafeInteger(one) && Number.isSafeInteger(two) && Number.isSafeInteger(three);
}

const words = (list: readonly string[]): string => (list.length === 0 ? "[]" : `["${list.join('","')}"]`);
