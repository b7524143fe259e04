/** The API server behind something that speaks no HTTP/2: a connection for each request under way, kept for the next. */
import {
  Agent as PlainAgent,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions as PlainOptions,
} from "node:http";
import { Agent, type RequestOptions, request as tlsRequest } from "node:https";
import type { Answer, Sent } from "./transport.ts";

export interface Pool extends Disposable {
  send(sent: Sent, url: URL, options: RequestOptions): Promise<Answer>;
}

/** Watches hold one each for good. */
const SOCKETS_MAX = 64;
const KEEP_ALIVE_MS = 15_000;

export function openPool(isPlain: boolean): Pool {
  const options = { keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS, maxSockets: SOCKETS_MAX };
  const agent = isPlain ? new PlainAgent(options) : new Agent(options);
  const request = isPlain
    ? (url: URL, with_: PlainOptions, answered: (answer: IncomingMessage) => void) =>
        plainRequest(url, with_, answered)
    : tlsRequest;
  return {
    send: async ({ method, body }, url, given) => {
      const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
      const sending = request(url, { ...given, method, agent: given.agent ?? agent }, resolve);
      // Stays for good: what goes wrong after the head is told by the answer's own stream.
      sending.on("error", reject);
      sending.end(body);
      const answer = await promise;
      return {
        status: answer.statusCode ?? 0,
        retryAfter: answer.headers["retry-after"],
        body: answer,
        isWhole: () => answer.complete,
      };
    },
    [Symbol.dispose]: () => agent.destroy(),
  };
}
