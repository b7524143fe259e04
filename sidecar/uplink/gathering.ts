/**
 * What a session has asked, and what came of it, since its last event was sealed: the next one. Its texts are digested when it is sealed:
 * nobody who asks waits for that, and of many in a row each costs half as much.
 */
import type { TextDigester } from "#core/audit/digest.ts";
import type { AskedRequest, Decided, EventBody, RequestsEvent, Result } from "#core/audit/event.ts";
import { TEXT_BYTES_MAX } from "#core/audit/leaf.ts";
import { decidedText } from "#core/audit/plain.ts";
import { keptBytes } from "#core/audit/requests.ts";

/** So many go into one event, and so many bytes, that it fits into a leaf without being cut. */
const REQUESTS_MAX = 128;
const RESULTS_MAX = 128;
const LEAF_BYTES_MAX = 40 * 1024;
/** What an entry takes in a leaf, at most, beside its error code. */
const REQUEST_BYTES = 320;
const RESULT_BYTES = 192;
/** A letter takes at most as many bytes in JSON. */
const ESCAPED_BYTES = 6;
const TEXTS_BYTES_MIN = 1024;
/** A longer text is digested when it is asked, so that it takes no room twice. */
const DIGESTED_LATER_BYTES_MAX = 4 * 1024;

type LateResult = RequestsEvent["results"][number];
interface Asked extends Omit<AskedRequest, "result" | "textDigest"> {
  result: Result | undefined;
  /** Empty until it is sealed. */
  textDigest: string;
}

/** Where a text is kept, and its digest as soon as there is one. */
interface Kept {
  readonly start: number;
  readonly end: number;
  digest: string | undefined;
}

export interface Gathered {
  readonly body: Extract<EventBody, { readonly kind: "requests" }>;
  /** The texts of its requests, as `textsOf` takes them apart. */
  readonly payload: Uint8Array | undefined;
}

export class Gathering {
  readonly #digester: TextDigester;
  readonly #decided: Decided[] = [];
  readonly #requests: Asked[] = [];
  /** Of each request. */
  readonly #kept: Kept[] = [];
  readonly #results: LateResult[] = [];
  /** The text that was asked last. */
  #last: { readonly text: Uint8Array; readonly kept: Kept } | undefined;
  /** Of texts with a digest that are in it already. */
  readonly #digested = new Map<string, Kept>();
  #texts: Buffer | undefined;
  #textBytes = 0;
  #leafBytes = 0;
  /** Requests in front of this one have their results. */
  #answered = 0;
  /** One with long lists or strange names has an event of its own: what may have to be cut of it is cut of nothing else. */
  #isAlone = false;

  constructor(digester: TextDigester) {
    this.#digester = digester;
  }

  /** Requests, and results of others. */
  get count(): number {
    return this.#requests.length + this.#results.length;
  }

  /** Roughly, of leaf and texts. */
  get bytes(): number {
    return this.#leafBytes + this.#textBytes;
  }

  hasRoomFor(decided: Decided, textBytes: number): boolean {
    if (this.count === 0) return true;
    const text = decidedText(decided);
    if (this.#isAlone || text === undefined || this.#requests.length >= REQUESTS_MAX) return false;
    if (this.#textBytes + keptBytes(textBytes) > TEXT_BYTES_MAX) return false;
    return this.#leafBytes + text.length + REQUEST_BYTES <= LEAF_BYTES_MAX;
  }

  ask(asked: Pick<AskedRequest, "request" | "atMs">, decided: Decided, text: Uint8Array): void {
    const { request, atMs } = asked;
    const as = this.#indexOf(decided);
    const textBytes = text.length;
    this.#requests.push({ as, atMs, request, result: undefined, textBytes, textDigest: "" });
    this.#kept.push(this.#keep(text));
    this.#leafBytes += REQUEST_BYTES;
  }

  /** False when it belongs into the next event. */
  answer(request: number, result: Result): boolean {
    const asked = this.#unanswered(request);
    const bytes = RESULT_BYTES + ESCAPED_BYTES * (result.errorCode?.length ?? 0);
    if (this.count > 0 && this.#leafBytes + bytes > LEAF_BYTES_MAX) return false;
    if (asked === undefined && (this.#isAlone || this.#results.length >= RESULTS_MAX)) return false;
    if (asked === undefined) this.#results.push({ request, ...result });
    else asked.result = result;
    this.#leafBytes += bytes;
    return true;
  }

  /** To be called once: it moves the texts. */
  gathered(): Gathered {
    const end = this.#digestAll();
    const payload = end === 0 ? undefined : this.#texts?.subarray(0, end);
    const body = {
      decided: this.#decided,
      requests: this.#requests as AskedRequest[],
      results: this.#results,
    };
    return { body: { kind: "requests", ...body }, payload };
  }

  #unanswered(request: number): Asked | undefined {
    // They come in the order of their requests, nearly always.
    while (this.#requests[this.#answered]?.result !== undefined) this.#answered += 1;
    const first = this.#requests[this.#answered];
    if (first === undefined || first.request === request) return first;
    return this.#requests.find((asked) => asked.request === request && asked.result === undefined);
  }

  #indexOf(decided: Decided): number {
    const known = this.#decided.indexOf(decided);
    if (known !== -1) return known;
    const text = decidedText(decided);
    this.#isAlone = text === undefined;
    this.#leafBytes += text?.length ?? 0;
    return this.#decided.push(decided) - 1;
  }

  /** Where the texts end, each of which then stands there once. */
  #digestAll(): number {
    const seen = new Set<string>();
    let end = 0;
    for (const [index, request] of this.#requests.entries()) {
      const kept = this.#kept[index];
      if (kept === undefined) continue;
      request.textDigest = kept.digest ??= this.#digester.digest(this.#bytesOf(kept));
      if (seen.has(request.textDigest)) continue;
      seen.add(request.textDigest);
      if (kept.start !== end) this.#texts?.copyWithin(end, kept.start, kept.end);
      end += kept.end - kept.start;
    }
    const { text, kept } = this.#last ?? {};
    if (text !== undefined && kept?.digest !== undefined) this.#digester.remember(text, kept.digest);
    return end;
  }

  #bytesOf({ start, end }: Kept): Uint8Array {
    return this.#texts?.subarray(start, end) ?? new Uint8Array();
  }

  #keep(text: Uint8Array): Kept {
    if (this.#last?.text === text) return this.#last.kept;
    const isLong = text.length > DIGESTED_LATER_BYTES_MAX;
    const digest = isLong ? this.#digester.digest(text) : this.#digester.known(text);
    let kept = digest === undefined ? undefined : this.#digested.get(digest);
    if (kept === undefined) {
      const start = this.#textBytes;
      this.#copy(text);
      kept = { start, end: this.#textBytes, digest };
      if (digest !== undefined) this.#digested.set(digest, kept);
    }
    this.#last = { text, kept };
    return kept;
  }

  #copy(text: Uint8Array): void {
    const kept = keptBytes(text.length);
    const end = this.#textBytes + kept;
    if (this.#texts === undefined || this.#texts.length < end) {
      const larger = Buffer.allocUnsafe(Math.max(TEXTS_BYTES_MIN, end, 2 * this.#textBytes));
      if (this.#texts !== undefined) this.#texts.copy(larger, 0, 0, this.#textBytes);
      this.#texts = larger;
    }
    this.#texts.set(kept === text.length ? text : text.subarray(0, kept), this.#textBytes);
    this.#textBytes = end;
  }
}
