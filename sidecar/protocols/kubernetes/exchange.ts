/**
 * One request that is permitted, and its answer. Bodies go through as they come, in both directions at once, each at the pace of whoever
 * takes it; what ends the request early is told in the API server's own words as long as that is possible.
 */
import type { KubernetesRequest } from "#core/policy/protocols/kubernetes/acts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { type BodyReader, openBody } from "#core/wire/http/body.ts";
import { membersOf, valueOf } from "#core/wire/http/fields.ts";
import { type RequestHead, type ResponseHead, readResponse } from "#core/wire/http/head.ts";
import { CHUNKS_END, withSecret } from "#core/wire/http/write.ts";
import { PeerBroke, PeerLeft } from "../peer.ts";
import type { ResultCounts, Tap } from "../protocol.ts";
import type { Bearer } from "./bearer.ts";
import {
  type Upgrade,
  forwardedRequest,
  forwardedResponse,
  forwardedUpgrade,
  upgradeOf,
} from "./forwarding.ts";
import { type Inbound, cut, send } from "./inbound.ts";
import { answerTo, errorEvent, statusResponse } from "./status.ts";
import { tunnel } from "./tunnel.ts";
import type { Opened, Upstream } from "./upstream.ts";

export interface Sides {
  readonly client: Inbound;
  readonly upstream: Upstream;
  readonly bearer: Bearer;
  /** Of the session, for the API server's records and for whoever is refused. */
  readonly mark: string;
  readonly tap: Pick<Tap, "count">;
}

export interface Asked {
  readonly head: RequestHead;
  readonly request: KubernetesRequest;
  /** Its number in the session. */
  readonly number: number;
  readonly upgrade: Upgrade | undefined;
}

export interface Finished {
  readonly counts: ResultCounts;
  /** What the next request of this client needs: undefined when there can be one. */
  readonly over: { readonly by: "client" | "upstream" | "gateway"; readonly why?: Refusal } | undefined;
}

/** The client waits for no answer any more. */
export const CLIENT_LEFT = new PeerLeft("the client has gone");

/** `signal`: its reason is a Refusal when policy, a limit or the session's end stops the request. */
export async function exchange(sides: Sides, asked: Asked, signal: AbortSignal): Promise<Finished> {
  const own = new AbortController();
  const going = new Going(sides, asked, AbortSignal.any([signal, own.signal]), (why) => own.abort(why));
  try {
    return await going.run();
  } catch (error) {
    return await going.broken(error);
  } finally {
    going.end();
  }
}

class Going {
  readonly #sides: Sides;
  readonly #asked: Asked;
  readonly #signal: AbortSignal;
  readonly #stop: (why: unknown) => void;
  readonly #done = new AbortController();
  #taken: Inbound | undefined;
  #answer: ResponseHead | undefined;
  #isAnswerTold = false;
  #body: BodyReader | undefined;
  #contentBytes = 0;
  #isSent = false;

  // oxlint-disable-next-line max-params -- what one request is made of
  constructor(sides: Sides, asked: Asked, signal: AbortSignal, stop: (why: unknown) => void) {
    this.#sides = sides;
    this.#asked = asked;
    this.#signal = signal;
    this.#stop = stop;
  }

  async run(): Promise<Finished> {
    const { inbound, answer } = await this.#ask();
    this.#answer = answer;
    if (answer.status === 401) this.#sides.bearer.refused();
    if (answer.status === 101) return this.#switch(inbound, answer);
    const isLast = !this.#isSent || wantsClose(this.#asked.head.fields);
    // What has come of the body goes out with the head, in one record.
    const { socket } = this.#sides.client;
    socket.cork();
    process.nextTick(() => socket.uncork());
    await this.#tell(forwardedResponse(answer, isLast));
    await this.#relayBody(inbound, answer);
    this.#done.abort(CLIENT_LEFT);
    const closes = isLast || answer.framing.kind === "untilClose";
    if (closes || wantsClose(answer.fields)) inbound.socket.destroy();
    else this.#sides.upstream.giveBack(inbound);
    this.#taken = undefined;
    const counts = this.#counts(answer.status >= 400 ? "error" : "complete");
    return { counts, over: closes ? { by: "client" } : undefined };
  }

  /** Whatever is still under way of this request ends. */
  end(): void {
    this.#done.abort(CLIENT_LEFT);
    this.#taken?.socket.destroy();
  }

  async #ask(): Promise<{ readonly inbound: Inbound; readonly answer: ResponseHead }> {
    for (;;) {
      const opened = await this.#send();
      const answer = await this.#answerOf(opened);
      if (answer !== undefined) return { inbound: opened.inbound, answer };
      opened.inbound.socket.destroy();
      if (!this.#mayRepeat(opened))
        throw new Stopped(
          refusal("UPSTREAM_UNREACHABLE", "the API server closed the connection without an answer"),
        );
    }
  }

  /** It closes what is idle, and our request may have met that; what only reads can be asked twice. */
  #mayRepeat({ isUsed }: Opened): boolean {
    const { method, framing } = this.#asked.head;
    return isUsed && framing.kind === "none" && (method === "GET" || method === "HEAD");
  }

  async #send(): Promise<Opened> {
    const { upstream, bearer, mark } = this.#sides;
    const { head, upgrade } = this.#asked;
    const field = orStop(await bearer.field(this.#signal));
    const opened = orStop(await upstream.take(this.#signal));
    this.#taken = opened.inbound;
    const bytes = withSecret(forwardedRequest(head, { authority: upstream.authority, mark, upgrade }), field);
    field.fill(0);
    opened.inbound.socket.write(bytes, () => bytes.fill(0));
    this.#sendBody(opened.inbound);
    return opened;
  }

  #sendBody(to: Inbound): void {
    const { head } = this.#asked;
    const { client } = this.#sides;
    const failed = (error: unknown): void => {
      if (!this.#done.signal.aborted) this.#stop(error);
    };
    if (head.framing.kind === "none") {
      this.#isSent = true;
      return void this.#watchClient().catch(failed);
    }
    if (membersOf(head.fields, "expect").includes("100-continue"))
      client.socket.write("HTTP/1.1 100 Continue\r\n\r\n");
    const pump = async (): Promise<void> => {
      const body = openBody(head.framing);
      const signal = AbortSignal.any([this.#signal, this.#done.signal]);
      while (!body.isDone) {
        const piece = await client.piece(signal);
        if (piece === undefined) throw CLIENT_LEFT;
        const { usedBytes } = body.read(piece);
        if (body.fault !== undefined)
          throw new Stopped(refusal("CLIENT_PROTOCOL", `the client sent ${body.fault}`));
        if (usedBytes < piece.length) client.giveBack(piece.subarray(usedBytes));
        await send(to.socket, piece.subarray(0, usedBytes), signal);
      }
      this.#isSent = true;
      await this.#watchClient();
    };
    pump().catch((error: unknown) => {
      // The API server may have answered and closed before it had read all; its answer counts.
      if (!(error instanceof PeerLeft) || error === CLIENT_LEFT) failed(error);
    });
  }

  /** Whoever waits for a watch or a log may leave at any time. */
  async #watchClient(): Promise<void> {
    await this.#sides.client.ended(AbortSignal.any([this.#signal, this.#done.signal]));
    throw CLIENT_LEFT;
  }

  /** Undefined when there is none. */
  async #answerOf({ inbound }: Opened): Promise<ResponseHead | undefined> {
    const { method } = this.#asked.head;
    for (;;) {
      const answer = await this.#fromUpstream(
        inbound.head((bytes) => readResponse(bytes, method), this.#signal),
      );
      // Of what is only on the way nothing is passed on: the client has had its 100 from us.
      if (answer === undefined || answer.status === 101 || answer.status >= 200) return answer;
    }
  }

  async #relayBody(inbound: Inbound, { framing }: ResponseHead): Promise<void> {
    const body = openBody(framing);
    this.#body = body;
    while (!body.isDone) {
      const piece = await this.#fromUpstream(inbound.piece(this.#signal));
      if (piece === undefined && body.end()) return;
      if (piece === undefined) throw new Lost();
      const { usedBytes, contentBytes } = body.read(piece);
      if (body.fault !== undefined) throw new Stopped(refusal("UPSTREAM_PROTOCOL"));
      if (usedBytes < piece.length) inbound.giveBack(piece.subarray(usedBytes));
      this.#count(contentBytes);
      await this.#tell(piece.subarray(0, usedBytes));
    }
  }

  async #switch(inbound: Inbound, answer: ResponseHead): Promise<Finished> {
    const { upgrade } = this.#asked;
    if (upgrade === undefined || upgradeOf(answer) !== upgrade)
      throw new Stopped(refusal("UPSTREAM_PROTOCOL"));
    // From here on the client's bytes are read by the tunnel.
    this.#done.abort(CLIENT_LEFT);
    await this.#tell(forwardedUpgrade(answer, upgrade));
    const count = (bytes: number): void => this.#count(bytes);
    const by = await tunnel({ client: this.#sides.client, upstream: inbound, count }, this.#signal);
    return { counts: this.#counts("complete"), over: { by } };
  }

  #count(bytes: number): void {
    this.#contentBytes += bytes;
    const reached = this.#sides.tap.count(0, bytes);
    if (reached !== undefined) throw new Stopped(reached);
  }

  async #tell(bytes: Uint8Array): Promise<void> {
    this.#isAnswerTold = true;
    try {
      await send(this.#sides.client.socket, bytes, this.#signal);
    } catch (error) {
      throw error instanceof PeerLeft ? CLIENT_LEFT : error;
    }
  }

  async #fromUpstream<Value>(read: Promise<Value>): Promise<Value> {
    try {
      return await read;
    } catch (error) {
      if (error === CLIENT_LEFT) throw error;
      if (error instanceof PeerBroke) throw new Stopped(refusal("UPSTREAM_PROTOCOL"));
      if (error instanceof PeerLeft || isOfSocket(error)) throw new Lost();
      throw error;
    }
  }

  /** What became of a request that did not come to its end. Throws on what is a bug. */
  async broken(error: unknown): Promise<Finished> {
    if (error === CLIENT_LEFT || (error instanceof PeerLeft && this.#sides.client.socket.destroyed))
      return { counts: this.#counts("cancelled"), over: { by: "client" } };
    const why = whyOf(error);
    if (why === undefined) throw error;
    const ended = error instanceof Lost ? "lost" : why.code === "LIMIT_BYTES" ? "limit" : "cancelled";
    const isToldWell = await this.#refuse(why);
    const counts = { ...this.#counts(ended), errorCode: why.code };
    const isSessionOver = isToldWell === false;
    return { counts, over: isSessionOver ? { by: "gateway", why } : undefined };
  }

  /** Whether the client could be told, and may ask again on this connection. */
  async #refuse(why: Refusal): Promise<boolean> {
    const { client, mark } = this.#sides;
    const { head, number } = this.#asked;
    const told = { why, id: `${mark}/${number}` };
    this.#done.abort(CLIENT_LEFT);
    if (client.socket.destroyed) return false;
    if (!this.#isAnswerTold) {
      const isLast = !this.#isSent;
      client.socket.write(statusResponse(told, { ...answerTo(head), isLast }));
      return !isLast;
    }
    if (!this.#canBeToldInside()) {
      // Not by its regular end: what came must not be taken for all.
      cut(client.socket);
      return false;
    }
    client.socket.write(Buffer.concat([errorEvent(told), CHUNKS_END]));
    return true;
  }

  /** In a watch, between two events. */
  #canBeToldInside(): boolean {
    const [act] = this.#asked.request.acts;
    const { fields = [] } = this.#answer ?? {};
    const isWatch = act?.kind === "resource" && act.verb === "watch";
    const isPlainJson =
      /^application\/json\b/i.test(valueOf(fields, "content-type") ?? "") &&
      valueOf(fields, "content-encoding") === undefined;
    const { isBetweenChunks = false, lastContentByte = LINE_END } = this.#body ?? {};
    return isWatch && isPlainJson && isBetweenChunks && lastContentByte === LINE_END && this.#isSent;
  }

  #counts(ended: ResultCounts["ended"]): ResultCounts {
    const status = this.#answer?.status ?? 0;
    const code = status >= 400 ? { errorCode: String(status) } : {};
    return { ended, rows: 0, bytes: this.#contentBytes, maskedValues: 0, ...code };
  }
}

const LINE_END = 0x0a;

class Stopped extends Error {
  override readonly name = "Stopped";
  readonly why: Refusal;
  constructor(why: Refusal) {
    super(why.publicText);
    this.why = why;
  }
}

class Lost extends Stopped {
  constructor() {
    super(refusal("UPSTREAM_UNREACHABLE", "the connection to the API server broke off"));
  }
}

function orStop<Value extends object>(answer: Value | Refusal): Value {
  if (isRefusal(answer)) throw new Stopped(answer);
  return answer;
}

function whyOf(error: unknown): Refusal | undefined {
  if (error instanceof Stopped) return error.why;
  if (error instanceof PeerLeft || isOfSocket(error)) return new Lost().why;
  return typeof error === "object" && error !== null && isRefusal(error) ? error : undefined;
}

/** The kernel's or OpenSSL's word for it, as bugs of ours have none. */
function isOfSocket(error: unknown): boolean {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /^(?:E[A-Z]+|ERR_(?:SSL|TLS|STREAM)_[A-Z0-9_]+)$/.test(error.code)
  );
}

function wantsClose(fields: RequestHead["fields"]): boolean {
  return membersOf(fields, "connection").includes("close");
}
