/**
 * One request to the API server, and its answer as a stream. Who we are and whom we trust is asked anew for each, so that rotated
 * tokens and certificates are picked up; the sockets are ours, since client-node opens a new one for every request.
 */
import { createHash } from "node:crypto";
import type { RequestOptions } from "node:https";
import type { Readable } from "node:stream";
import type { TLSSocket } from "node:tls";
import type { Access } from "./access.ts";
import { KubeError } from "./error.ts";
import { openPool, type Pool } from "./http1.ts";
import { connectTls, openSession, type Session } from "./http2.ts";

export interface Sent {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With the query. */
  readonly path: string;
  readonly contentType?: string;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: Readable;
  /** Once the body has ended: whether by the API server's will. A connection that breaks can end it too. */
  isWhole(): boolean;
}

export interface Transport extends Disposable {
  /** Resolves with the head of the answer. When the signal aborts, the answer's body ends with an error too. */
  send(sent: Sent, signal: AbortSignal): Promise<Answer>;
}

export interface PingTiming {
  /** How often a connection is asked whether it lives, */
  readonly everyMs: number;
  /** and how long it may take to answer. */
  readonly withinMs: number;
}

export type Headers = Readonly<Record<string, string>>;
export type Trust = Pick<
  RequestOptions,
  "ca" | "cert" | "key" | "passphrase" | "servername" | "rejectUnauthorized"
>;

export function openTransport(config: Access, userAgent: string, ping: PingTiming): Transport {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new KubeError({ status: 0, reason: "NoCluster", message: "the kubeconfig names no cluster" });
  return new Sender(config, new URL(server.endsWith("/") ? server : `${server}/`), userAgent, ping);
}

class Sender implements Transport {
  readonly #config: Access;
  readonly #base: URL;
  readonly #userAgent: string;
  readonly #ping: PingTiming;
  readonly #pool: Pool;
  #current: { readonly fingerprint: string; readonly session: Promise<Session | undefined> } | undefined;
  #isDisposed = false;

  constructor(config: Access, base: URL, userAgent: string, ping: PingTiming) {
    this.#config = config;
    this.#base = base;
    this.#userAgent = userAgent;
    this.#ping = ping;
    this.#pool = openPool(base.protocol === "http:");
  }

  async send(sent: Sent, signal: AbortSignal): Promise<Answer> {
    signal.throwIfAborted();
    if (this.#isDisposed) throw new Error("the client is closed");
    const options: RequestOptions = {};
    await this.#config.applyToHTTPSOptions(options);
    const headers: Headers = {
      ...(options.headers as Headers | undefined),
      ...(options.auth === undefined || options.auth === null
        ? {}
        : { authorization: `Basic ${Buffer.from(options.auth).toString("base64")}` }),
      accept: "application/json",
      "user-agent": this.#userAgent,
      ...(sent.contentType === undefined ? {} : { "content-type": sent.contentType }),
    };
    const url = new URL(sent.path.replace(/^\//, ""), this.#base);
    // The way through a proxy that the kubeconfig names is client-node's.
    const proxy = this.#config.getCurrentCluster()?.proxyUrl === undefined ? undefined : options.agent;
    const session = proxy === undefined ? await this.#session(options, signal) : undefined;
    if (session !== undefined) return session.send(sent, url, headers, signal);
    return this.#pool.send(sent, url, { ...options, headers, auth: null, agent: proxy, signal });
  }

  [Symbol.dispose](): void {
    this.#isDisposed = true;
    this.#pool[Symbol.dispose]();
    void this.#current?.session.then(
      (session) => session?.[Symbol.dispose](),
      () => undefined,
    );
  }

  /** One connection for everything; undefined where the server does not speak HTTP/2. */
  async #session(trust: Trust, signal: AbortSignal): Promise<Session | undefined> {
    if (this.#base.protocol === "http:") return undefined;
    const fingerprint = fingerprintOf(trust);
    let current = this.#current;
    if (current?.fingerprint === fingerprint) {
      const session = await unlessAborted(current.session, signal);
      if (session === undefined || session.isOpen) return session;
      // Somebody else may have begun another one meanwhile.
      current = this.#current === current ? undefined : this.#current;
    }
    if (current?.fingerprint !== fingerprint) {
      current = { fingerprint, session: this.#connect(trust) };
      this.#replace(current);
    }
    return unlessAborted(current.session, signal);
  }

  #replace(next: { readonly fingerprint: string; readonly session: Promise<Session | undefined> }): void {
    // What still runs on the old one may end by itself: it was begun with what was valid then.
    void this.#current?.session.then(
      (session) => session?.retire(),
      () => undefined,
    );
    this.#current = next;
    // The next request tries again.
    next.session.catch(() => {
      if (this.#current === next) this.#current = undefined;
    });
  }

  async #connect(trust: Trust): Promise<Session | undefined> {
    const socket: TLSSocket = await connectTls(this.#base, trust);
    if (socket.alpnProtocol === "h2" && !this.#isDisposed) return openSession(this.#base, socket, this.#ping);
    socket.destroy();
    return undefined;
  }
}

function fingerprintOf({ ca, cert, key, servername }: Trust): string {
  const hash = createHash("sha256");
  for (const part of [ca, cert, key, servername])
    hash
      .update(typeof part === "string" || Buffer.isBuffer(part) ? part : JSON.stringify(part ?? null))
      .update("\0");
  return hash.digest("base64");
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
