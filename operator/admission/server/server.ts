/**
 * The port that API servers post reviews to: fastify over TLS. It bounds what it takes, answers every review in time, and fails
 * closed. Everything that it says beside a verdict is a fixed text, since a parser's own words quote what they were given.
 */
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from "fastify";
import type { Log } from "#runtime/log.ts";
import type { Address } from "../../config/settings.ts";
import { type Connections, connectionsOf } from "./connections.ts";
import { judge } from "./judging.ts";
import { ADMISSION_LIMITS, type AdmissionLimits, deadlineFor } from "./limits.ts";
import type { AdmissionMeters, TurnedAway } from "./meters.ts";
import { Malformed, type Review, readReview } from "./review.ts";
import { openShares } from "./shares.ts";
import { type Answer, answerOf } from "./verdict.ts";
import { WEBHOOK_PATHS, type Webhook, type WebhookName } from "./webhook.ts";

export interface ServingCertificate {
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Who signs the certificates of callers. Given: whoever shows none by it is turned away. */
  readonly callersCaPem?: string;
}

export interface AdmissionServerOptions {
  readonly listen: Address;
  readonly certificate: ServingCertificate;
  /** Common names of callers' certificates that are let in; every one by that authority when left out. */
  readonly callers?: readonly string[];
  readonly webhooks: Readonly<Record<WebhookName, Webhook>>;
  readonly meters: AdmissionMeters;
  readonly log: Log;
  readonly limits?: AdmissionLimits;
}

export interface AdmissionServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** For connections from now on. */
  use(certificate: ServingCertificate): void;
  /** Answers whoever still comes, and has them connect anew: elsewhere, since readiness is off by then. */
  drain(): void;
}

declare module "fastify" {
  interface FastifyRequest {
    /** When its head had been read, by the clock that is never set back. */
    startMs: number;
  }
}

const REFUSED_WITH: Readonly<Record<TurnedAway, { readonly code: number; readonly text: string }>> = {
  busy: { code: 503, text: "too many reviews are under way" },
  caller: { code: 403, text: "this port answers the API server, which shows a certificate" },
  length: { code: 411, text: "the length of the body has to be given" },
  malformed: { code: 400, text: "not an AdmissionReview of admission.k8s.io/v1" },
  method: { code: 405, text: "POST only" },
  path: { code: 404, text: "no webhook is here" },
  size: { code: 413, text: "too large to be a review" },
  type: { code: 415, text: "application/json only" },
};

export async function serveAdmission(options: AdmissionServerOptions): Promise<AdmissionServer> {
  const limits = options.limits ?? ADMISSION_LIMITS;
  let isDraining = false;
  const app = fastify<Server>({
    serverFactory: (handler) => openServer(options.certificate, limits, handler),
    bodyLimit: limits.bodyBytes,
    forceCloseConnections: "idle",
    return503OnClosing: false,
  });
  const connections = connectionsOf(app.server);
  const turnAway = (reply: FastifyReply, why: TurnedAway): FastifyReply => {
    const { code, text } = REFUSED_WITH[why];
    options.meters.turnedAway(why);
    // What is left of a body that was not read must not pass for the next request.
    return reply.code(code).header("connection", "close").type("text/plain").send(`${text}\n`);
  };
  app.decorateRequest("startMs", 0);
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    app.getDefaultJsonParser("error", "error"),
  );
  app.setErrorHandler((error, _request, reply) => turnAway(reply, whyOf(error, options.log)));
  app.setNotFoundHandler((_request, reply) => turnAway(reply, "path"));
  app.addHook("onSend", (_request, reply, payload, done) => {
    if (isDraining) void reply.header("connection", "close");
    done(null, payload);
  });
  bound(app, options, limits, { turnAway, connections });
  for (const [name, path] of Object.entries(WEBHOOK_PATHS))
    route(app, name as WebhookName, path, options, limits);

  await app.listen(options.listen);
  app.server.on("tlsClientError", (error, socket) => {
    // Scanners, and API servers that do not trust us yet: the second shows as refused pods, so a line for each is for debugging.
    options.log.debug("a TLS handshake failed", { code: "code" in error ? String(error.code) : error.name });
    // Node leaves open what did not shake hands in time.
    socket.destroy();
  });
  const { address, port } = app.server.address() as AddressInfo;
  return {
    host: address,
    port,
    use: (certificate) => app.server.setSecureContext(contextOf(certificate)),
    drain: () => {
      // Idle connections stay: a review may be on its way on any of them.
      isDraining = true;
    },
    [Symbol.asyncDispose]: async () => {
      isDraining = true;
      const closed = app.close();
      connections.end();
      await closed;
    },
  };
}

function openServer(
  certificate: ServingCertificate,
  limits: AdmissionLimits,
  handler: Parameters<typeof createServer>[1],
): Server {
  const server = createServer(
    {
      ...contextOf(certificate),
      requestCert: certificate.callersCaPem !== undefined,
      // Judged by us, so that it is counted and told.
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshakeMs,
      headersTimeout: limits.headMs,
      // Node counts this from the opening of the connection too; the body's own time is looked after below.
      requestTimeout: limits.headMs + limits.bodyMs,
      connectionsCheckingInterval: Math.min(1_000, limits.headMs),
      keepAliveTimeout: limits.idleMs,
    },
    handler,
  );
  const connections = openShares(limits.connections);
  server.on("connection", (socket: Socket) => {
    const giveBack = connections.take(socket.remoteAddress ?? "", 1);
    if (giveBack === undefined) socket.destroy();
    else socket.once("close", giveBack);
  });
  return server;
}

function contextOf({ certificatePem, keyPem, callersCaPem }: ServingCertificate): {
  readonly cert: string;
  readonly key: string;
  readonly ca?: string;
  readonly minVersion: "TLSv1.3";
} {
  const ca = callersCaPem === undefined ? {} : { ca: callersCaPem };
  return { cert: certificatePem, key: keyPem, minVersion: "TLSv1.3", ...ca };
}

/** Who calls and how much is under way, before a byte of the body is read. */
function bound(
  app: FastifyInstance<Server>,
  { certificate, callers, meters }: AdmissionServerOptions,
  limits: AdmissionLimits,
  {
    turnAway,
    connections,
  }: {
    readonly turnAway: (reply: FastifyReply, why: TurnedAway) => FastifyReply;
    readonly connections: Connections;
  },
): void {
  const reviews = openShares(limits.reviewsInFlight);
  const bytes = openShares(limits.bodyBytesInFlight);
  app.addHook("onRequest", async (request, reply) => {
    request.startMs = performance.now();
    reply.raw.once("close", connections.begin(request.raw.socket));
    const isVerified = isLetIn(request.raw.socket as TLSSocket, callers);
    meters.called(isVerified ? "verified" : "unverified");
    if (certificate.callersCaPem !== undefined && !isVerified) return turnAway(reply, "caller");
    if (request.method !== "POST") return turnAway(reply, "method");
    const length = Number(request.headers["content-length"] ?? Number.NaN);
    if (!Number.isSafeInteger(length)) return turnAway(reply, "length");
    if (length > limits.bodyBytes) return turnAway(reply, "size");
    const address = request.raw.socket.remoteAddress ?? "";
    const endReview = reviews.take(address, 1);
    const endBytes = endReview === undefined ? undefined : bytes.take(address, length);
    if (endReview === undefined || endBytes === undefined) {
      endReview?.();
      return turnAway(reply, "busy");
    }
    meters.inFlight(reviews.taken);
    const late = setTimeout(() => {
      if (!request.raw.complete) request.raw.destroy();
    }, limits.bodyMs);
    reply.raw.once("close", () => {
      clearTimeout(late);
      endReview();
      endBytes();
      meters.inFlight(reviews.taken);
    });
    return undefined;
  });
}

function isLetIn(socket: TLSSocket, callers: readonly string[] | undefined): boolean {
  if (!socket.authorized) return false;
  // `authorized` without a certificate asked for is false; with one it has been verified by now.
  const { CN } = socket.getPeerCertificate().subject;
  return callers === undefined || (typeof CN === "string" && callers.includes(CN));
}

function route(
  app: FastifyInstance<Server>,
  name: WebhookName,
  path: string,
  { webhooks, meters, log }: AdmissionServerOptions,
  limits: AdmissionLimits,
): void {
  const handler = async (request: FastifyRequest): Promise<Answer> => {
    const review = readReview(request.body);
    const about = log.with({ webhook: name, review: review.uid, namespace: review.namespace });
    const verdict = await judge(webhooks[name], review, remainingMs(request, limits), about);
    meters.answered(name, verdict, (performance.now() - request.startMs) / 1_000);
    if (verdict.outcome === "refused") about.info("refused", refusedFields(review, verdict.findings));
    return answerOf(review.uid, verdict);
  };
  app.route({ method: "POST", url: path, handler });
}

/** Reading the body has taken some of the time already. */
function remainingMs({ query, startMs }: FastifyRequest, { deadlineMs }: AdmissionLimits): number {
  return Math.max(0, deadlineFor(query, deadlineMs) - (performance.now() - startMs));
}

function refusedFields(
  review: Review,
  findings: readonly { readonly rule: string }[],
): Record<string, string | boolean> {
  return {
    resource: [review.resource, review.subResource].filter((word) => word !== "").join("/"),
    operation: review.operation,
    name: review.name,
    user: review.userInfo.username,
    rules: [...new Set(findings.map(({ rule }) => rule))].join(" "),
    dryRun: review.isDryRun,
  };
}

/** fastify's own codes for what it refuses to read. */
const FASTIFY_CODES: Readonly<Record<string, TurnedAway>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "size",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "type",
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: "length",
};

function whyOf(error: unknown, log: Log): TurnedAway {
  if (error instanceof Malformed) {
    log.warn("a review was malformed", { what: error.message });
    return "malformed";
  }
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  return FASTIFY_CODES[code] ?? "malformed";
}
