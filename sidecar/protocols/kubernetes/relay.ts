/** One client's requests, one after the other: each is decided and on record before anything of it goes on. */
import { readRequest as actsOf } from "#core/policy/protocols/kubernetes/read-request.ts";
import type { KubernetesRequest } from "#core/policy/protocols/kubernetes/acts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { type RequestHead, readRequest } from "#core/wire/http/head.ts";
import { PeerBroke, PeerLeft, sayLast } from "../peer.ts";
import type { RelayEnd, Tap } from "../protocol.ts";
import { type Asked, type Finished, type Sides, exchange } from "./exchange.ts";
import { impersonationIn, opensStream, upgradeOf } from "./forwarding.ts";
import { CLOSING, answerTo, statusResponse } from "./status.ts";

export interface Ends extends Omit<Sides, "tap"> {
  /** What the client has asked first. */
  readonly first: RequestHead;
  /** Whether a request comes from whom the session is of, where each request says so. */
  readonly isSameClient: (head: RequestHead) => boolean;
}

export async function relay(ends: Ends, tap: Tap, stop: AbortSignal): Promise<RelayEnd> {
  try {
    return await new Conversation(ends, tap, stop).run();
  } finally {
    ends.bearer[Symbol.dispose]();
    ends.upstream[Symbol.dispose]();
    ends.client.socket.destroy();
  }
}

interface Running {
  readonly request: KubernetesRequest;
  readonly end: (why: Refusal) => void;
}

class Conversation {
  readonly #ends: Ends;
  readonly #tap: Tap;
  readonly #stop: AbortSignal;
  #running: Running | undefined;

  constructor(ends: Ends, tap: Tap, stop: AbortSignal) {
    this.#ends = ends;
    this.#tap = tap;
    this.#stop = stop;
    tap.onChange(() => this.#recheck());
  }

  async run(): Promise<RelayEnd> {
    try {
      for (let head: RequestHead | undefined = this.#ends.first; head !== undefined; ) {
        const over = await this.#serve(head);
        if (over !== undefined) return await this.#close(over);
        head = await this.#ends.client.head(readRequest, this.#stop);
      }
      return { by: "client", refusal: undefined };
    } catch (error) {
      return await this.#ended(error);
    }
  }

  async #serve(head: RequestHead): Promise<Finished["over"]> {
    if (!this.#ends.isSameClient(head)) {
      const why = refusal(
        "IDENTITY_INVALID",
        "a connection is one client's, and this is another one's token",
      );
      await sayLast(this.#ends.client.socket, statusResponse({ why }, { ...answerTo(head), isLast: true }));
      return { by: "gateway", why };
    }
    await roomIn(this.#tap, this.#stop);
    const request = actsOf(head.method, head.target, impersonationIn(head));
    const verdict = await this.#tap.decide(request, Buffer.from(`${head.method} ${head.target}`));
    const { request: number } = verdict;
    if (!verdict.pass) return this.#refuse(head, verdict.refusal, number);
    const upgrade = upgradeOf(head);
    if (upgrade === "none") return this.#exchange({ head, request, number, upgrade: undefined });
    if (upgrade !== "other" && opensStream(request) && head.framing.kind === "none")
      return this.#exchange({ head, request, number, upgrade });
    const why = refusal("NOT_SUPPORTED", "the gateway does not carry a switch of protocols here");
    this.#tap.result(number, { ended: "error", rows: 0, bytes: 0, maskedValues: 0, errorCode: why.code });
    return this.#refuse(head, why, number);
  }

  async #exchange(asked: Asked): Promise<Finished["over"]> {
    const control = new AbortController();
    this.#running = { request: asked.request, end: (why) => control.abort(why) };
    // It may have changed while the request was put on record.
    this.#recheck();
    try {
      const sides = { ...this.#ends, tap: this.#tap };
      const { counts, over } = await exchange(sides, asked, AbortSignal.any([this.#stop, control.signal]));
      this.#tap.result(asked.number, counts);
      return over;
    } finally {
      this.#running = undefined;
    }
  }

  #recheck(): void {
    const running = this.#running;
    if (running === undefined) return;
    const { outcome } = this.#tap.recheck(running.request);
    // What was asked about and agreed to stays so.
    if (outcome === "deny") running.end(refusal("POLICY_CHANGED"));
  }

  /** Where a body follows nobody knows how much of it: that client is read no further. */
  async #refuse(head: RequestHead, why: Refusal, number: number): Promise<Finished["over"]> {
    const { client, mark } = this.#ends;
    const isLast = head.framing.kind !== "none";
    const told = { why, id: `${mark}/${number}` };
    const response = statusResponse(told, { ...answerTo(head), isLast });
    if (!isLast) {
      client.socket.write(response);
      return undefined;
    }
    await sayLast(client.socket, response);
    return { by: "client" };
  }

  async #close({ by, why }: NonNullable<Finished["over"]>): Promise<RelayEnd> {
    const { socket } = this.#ends.client;
    if (!socket.destroyed) await sayLast(socket, new Uint8Array());
    return { by, refusal: why };
  }

  /** Between two requests. */
  async #ended(error: unknown): Promise<RelayEnd> {
    const { socket } = this.#ends.client;
    if (error instanceof PeerBroke) {
      const why = refusal("CLIENT_PROTOCOL", `the client sent ${error.message}`);
      await sayLast(socket, statusResponse({ why, id: this.#ends.mark }, CLOSING));
      return { by: "gateway", refusal: why };
    }
    if (error instanceof PeerLeft || socket.errored !== null) return { by: "client", refusal: undefined };
    const why = error;
    if (typeof why !== "object" || why === null || !isRefusal(why)) throw error;
    // A client whose connection ends while it asks nothing opens another one, and is told there.
    await sayLast(socket, new Uint8Array());
    return { by: "gateway", refusal: why };
  }
}

function roomIn(tap: Tap, stop: AbortSignal): Promise<void> {
  if (!tap.isFull) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const aborted = (): void => reject(stop.reason as Error);
    stop.addEventListener("abort", aborted, { once: true });
    if (stop.aborted) return aborted();
    tap.onRoom(() => {
      stop.removeEventListener("abort", aborted);
      resolve();
    });
  });
}
