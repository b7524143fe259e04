/**
 * The broker's other port: requests over HTTPS, each answered and done with. Here gateways are enrolled, and whoever needs a door
 * of its own brings a set of routes. A certificate may be shown; what it is worth is for the routes to say.
 */
import { type Server, createServer } from "node:https";
import { type FastifyError, type FastifyInstance, fastify } from "fastify";
import type { BrokerAuthority } from "../authority/authority.ts";
import { type Note, causeOf } from "../note.ts";
import type { GateLimits } from "./gate.ts";
import { type TlsPort, contextOf, openTlsPort } from "./serve-tls.ts";
import { sparingNote } from "./sparing-note.ts";

export type Routes = (app: FastifyInstance<Server>) => void;

export interface HttpsPortOptions {
  readonly host: string;
  readonly port: number;
  readonly authority: BrokerAuthority;
  readonly routes: readonly Routes[];
  readonly note: Note;
  readonly now: () => number;
  readonly limits?: GateLimits;
  readonly handshakeMs?: number;
}

const HANDSHAKE_MS_MAX = 5_000;
const HEAD_MS_MAX = 5_000;
const REQUEST_MS_MAX = 15_000;
const IDLE_MS_MAX = 5_000;
/** Of whatever route does not say; those that take more do. */
const BODY_BYTES_MAX = 16 * 1024;

/** Said instead of a parser's own words, which quote what they were given. */
const WORDS: Readonly<Record<number, string>> = {
  400: "not a request of this port",
  404: "nothing is here",
  413: "too large",
  415: "of another type than is taken here",
};

export async function serveHttps(options: HttpsPortOptions): Promise<TlsPort> {
  const { authority, note, now, handshakeMs = HANDSHAKE_MS_MAX } = options;
  let server: Server | undefined;
  const app = fastify<Server>({
    bodyLimit: BODY_BYTES_MAX,
    serverFactory: (handler) => {
      server = createServer(
        {
          ...contextOf(authority),
          requestCert: true,
          rejectUnauthorized: false,
          handshakeTimeout: handshakeMs,
          headersTimeout: HEAD_MS_MAX,
          requestTimeout: REQUEST_MS_MAX,
          keepAliveTimeout: IDLE_MS_MAX,
        },
        handler,
      );
      return server;
    },
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) note("port.failed", { operation: "https", cause: causeOf(error) });
    const problem = status >= 500 ? "the broker failed at it" : (WORDS[status] ?? "cannot be taken");
    return reply.code(status).header("connection", "close").send({ problem });
  });
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ problem: WORDS[404] }));
  for (const route of options.routes) route(app);
  await app.ready();
  if (server === undefined) throw new Error("fastify has made no server");
  const port = await openTlsPort(server, options, sparingNote(note, now));
  return {
    ...port,
    get connections() {
      return port.connections;
    },
    [Symbol.asyncDispose]: async () => {
      await port[Symbol.asyncDispose]();
      await app.close();
    },
  };
}
