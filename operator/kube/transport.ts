/**
 * One request to the API server, and its answer as a stream. client-node says who we are and whom we trust, anew for each request, so
 * that rotated tokens and certificates are picked up; the sockets are ours, since client-node opens a new one for every request.
 */
import {
  Agent as PlainAgent,
  type IncomingMessage,
  type RequestOptions,
  request as plainRequest,
} from "node:http";
import { Agent, type RequestOptions as TlsRequestOptions, request as tlsRequest } from "node:https";
import type { Readable } from "node:stream";
import type { KubeConfig } from "@kubernetes/client-node";
import { KubeError } from "./error.ts";

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
}

export interface Transport extends Disposable {
  /** Resolves with the head of the answer. When the signal aborts, the answer's body ends with an error too. */
  send(sent: Sent, signal: AbortSignal): Promise<Answer>;
}

/** Watches hold one each for good. */
const SOCKETS_MAX = 64;
const KEEP_ALIVE_MS = 15_000;

export function openTransport(config: KubeConfig, userAgent: string): Transport {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined)
    throw new KubeError({ status: 0, reason: "NoCluster", message: "the kubeconfig names no cluster" });
  const base = new URL(server.endsWith("/") ? server : `${server}/`);
  const pool = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: SOCKETS_MAX };
  const isPlain = base.protocol === "http:";
  const agent = isPlain ? new PlainAgent(pool) : new Agent(pool);
  return {
    send: async (sent, signal) => {
      signal.throwIfAborted();
      const options: TlsRequestOptions = {};
      await config.applyToHTTPSOptions(options);
      // Its own agent is the way through a proxy that the kubeconfig names, and keeps the first certificates for ever otherwise.
      if (config.getCurrentCluster()?.proxyUrl === undefined) options.agent = agent;
      options.method = sent.method;
      options.headers = {
        ...(options.headers as Record<string, string> | undefined),
        accept: "application/json",
        "user-agent": userAgent,
        ...(sent.body === undefined
          ? {}
          : { "content-type": sent.contentType, "content-length": Buffer.byteLength(sent.body) }),
      };
      return exchange(
        new URL(sent.path.replace(/^\//, ""), base),
        { ...options, signal },
        sent.body,
        isPlain,
      );
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}

async function exchange(
  url: URL,
  options: RequestOptions,
  body: string | undefined,
  isPlain: boolean,
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = isPlain ? plainRequest(url, options, resolve) : tlsRequest(url, options, resolve);
  // Stays for good: what goes wrong after the head is told by the answer's own stream.
  sent.on("error", reject);
  sent.end(body);
  const answer = await promise;
  return { status: answer.statusCode ?? 0, retryAfter: answer.headers["retry-after"], body: answer };
}
