/**
 * An event of many requests, taken apart for whoever reads: each request and each result as an event of its own, and each text
 * that was sealed with them. Nothing is taken for granted of a leaf: one that is otherwise stays what it is.
 */
import type { RequestsEvent } from "./event.ts";
import { TEXT_BYTES_MAX } from "./leaf.ts";

export type EventFields = Readonly<Record<string, unknown>>;

/** What a reader sees of an event: of one of requests a `request` and a `result` for each, in the order of their times. */
export function shownEvents(event: EventFields): readonly EventFields[] {
  if (!isOfRequests(event)) return [event];
  const { decided, requests, results, kind: _kind, unrecorded, omitted, ...place } = event;
  const shown: EventFields[] = results.map((result) => ({ ...place, kind: "result", ...result }));
  for (const { as, result, ...asked } of requests) {
    shown.push({ ...place, kind: "request", ...decided[as], ...asked });
    if (result !== undefined) shown.push({ ...place, kind: "result", request: asked.request, ...result });
  }
  shown.sort((one, other) => Number(one["atMs"]) - Number(other["atMs"]));
  const [first, ...rest] = shown;
  if (first === undefined) return [event];
  // What is said of the event as a whole is said once.
  const whole = {
    ...(unrecorded === undefined ? {} : { unrecorded }),
    ...(omitted === undefined ? {} : { omitted }),
  };
  return [{ ...first, ...whole }, ...rest];
}

/** The text of one request, as much of it as is kept. */
export interface KeptText {
  readonly request: number;
  readonly textDigest: string;
  /** Of all of it. */
  readonly textBytes: number;
  readonly text: Uint8Array;
}

/**
 * The texts of an event's requests, out of what was sealed with it: one behind the other, each as long as its bound allows, and
 * one that has come before in the same event not again. Undefined when that is not what these bytes are.
 */
export function textsOf(event: EventFields, sealed: Uint8Array): readonly KeptText[] | undefined {
  if (!isOfRequests(event)) return undefined;
  const known = new Map<string, Uint8Array>();
  let at = 0;
  const texts = event.requests.map(({ request, textDigest, textBytes }) => {
    let text = known.get(textDigest);
    if (text === undefined) {
      text = sealed.subarray(at, at + keptBytes(textBytes));
      at += keptBytes(textBytes);
      known.set(textDigest, text);
    }
    return { request, textDigest, textBytes, text };
  });
  return at === sealed.length ? texts : undefined;
}

export function keptBytes(textBytes: number): number {
  return Math.min(textBytes, TEXT_BYTES_MAX);
}

function isOfRequests(event: EventFields): event is RequestsEvent & EventFields {
  const { kind, decided, requests, results } = event;
  if (kind !== "requests" || !areObjects(decided) || !areObjects(requests) || !areObjects(results))
    return false;
  return requests.every(({ request, as, textDigest, textBytes, result }) => {
    const isDecided = isCount(as) && as < decided.length;
    const isTold = result === undefined || (typeof result === "object" && result !== null);
    return isCount(request) && isDecided && isCount(textBytes) && isTold && typeof textDigest === "string";
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0;
}

function areObjects(value: unknown): value is readonly EventFields[] {
  return Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null);
}
