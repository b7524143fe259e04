/**
 * RFC 8693 for pods: the projected token of a pod, shown over the certificate that it was enrolled for, against a token for one
 * Connection. It is decided by the very function that decides about leases.
 */
import { createHash, type X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { ConnectionRef } from "#core/policy/facts.ts";
import { TOKEN_BYTES_MAX } from "#core/port/values.ts";
import { keyHash, podOfAltName } from "#core/port/enrol.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { Broker } from "../../broker.ts";
import type { BrokerAuthority } from "../../authority/authority.ts";
import type { Note } from "../../note.ts";
import { type Bearer, podBearer } from "../../pods/bearer.ts";
import type { Cluster } from "../../pods/pods.ts";
import type { Trail } from "../../trail/trail.ts";
import type { Routes } from "../serve-https.ts";
import type { PodConnection } from "../serve-tls.ts";
import { allowances } from "./allowance.ts";
import { descriptionIn, errorOf } from "./refused.ts";
import {
  ACCESS_TOKEN_TYPE,
  GRANT_TYPE,
  type TokenError,
  type TokenRequest,
  readTokenRequest,
} from "./request.ts";
import { signingKeys } from "./signing-keys.ts";
import { type Grant, grantOf, lifetimeOf, sign } from "./token.ts";

export interface TokenDeps {
  readonly broker: Pick<Broker, "permits">;
  readonly cluster: Pick<Cluster, "review" | "inspect" | "pinned">;
  readonly authority: Pick<BrokerAuthority, "derive">;
  readonly trail: Pick<Trail, "say">;
  /** `https://` and where all replicas are found together: what tokens name as their issuer. */
  readonly issuer: string;
  readonly note: Note;
  readonly now: () => number;
}

export const TOKEN_PATH = "/oauth2/token";
export const JWKS_PATH = "/.well-known/jwks.json";
export const METADATA_PATH = "/.well-known/oauth-authorization-server";

const FORM = "application/x-www-form-urlencoded";
/** A token, every byte of it escaped, and the other parameters. */
const BODY_BYTES_MAX = 3 * TOKEN_BYTES_MAX + 4_096;
const AT_ONCE_MAX = 64;
const ANSWER_MS_MAX = 10_000;
/** A key that appears tomorrow is published a day ahead. */
const PUBLIC_FOR_SECONDS = 3_600;

export function tokenRoutes(deps: TokenDeps): Routes {
  const { issuer, now } = deps;
  const keys = signingKeys(deps.authority, now);
  const may = allowances(now);
  let underWay = 0;

  async function answer(request: FastifyRequest, body: Buffer): Promise<TokenError | object> {
    const client = clientOf(request.raw.socket as TLSSocket, now());
    if (client === undefined)
      return { status: 401, error: "invalid_client", description: "show the certificate of a pod" };
    if (!may.ask(client.connection.uid) || underWay >= AT_ONCE_MAX)
      return { status: 429, error: "temporarily_unavailable", description: "asked for too often" };
    const asked = readTokenRequest(body);
    if ("error" in asked) return asked;
    underWay += 1;
    try {
      const granted = await grant(client, asked, deps);
      if (isRefusal(granted)) return { ...errorOf(granted), code: granted.code };
      return {
        access_token: await sign(granted, issuer, await keys.current()),
        issued_token_type: ACCESS_TOKEN_TYPE,
        token_type: "Bearer",
        expires_in: lifetimeOf(granted),
      };
    } finally {
      underWay -= 1;
      asked.subjectToken.fill(0);
    }
  }

  return (app) => {
    app.get(JWKS_PATH, async (_request, reply) => {
      reply.header("cache-control", `public, max-age=${PUBLIC_FOR_SECONDS}`);
      return reply.type("application/jwk-set+json").send(JSON.stringify({ keys: await keys.published() }));
    });
    app.get(METADATA_PATH, async (_request, reply) => reply.send(metadataOf(issuer)));
    app.register(async (scope) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser(FORM, { parseAs: "buffer" }, (_request, body, done) => done(null, body));
      scope.setErrorHandler((error: FastifyError, _request, reply) => {
        if ((error.statusCode ?? 500) >= 500) throw error;
        const description = `a form of at most ${BODY_BYTES_MAX} bytes is taken, as ${FORM}`;
        // What is left of it has not been read.
        reply.header("connection", "close");
        return send(reply, { status: 400, error: "invalid_request", description });
      });
      scope.post(TOKEN_PATH, { bodyLimit: BODY_BYTES_MAX }, async (request, reply) => {
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        try {
          return await send(reply, await answer(request, body));
        } finally {
          body.fill(0);
        }
      });
    });
  };
}

interface Client {
  readonly connection: PodConnection;
  readonly thumbprint: string;
}

/** The pod whose certificate was shown on this very connection; one of our authority's making that is still good. */
function clientOf(socket: TLSSocket, nowMs: number): Client | undefined {
  const certificate: X509Certificate | undefined = socket.getPeerX509Certificate();
  const uid = podOfAltName(certificate?.subjectAltName);
  if (certificate === undefined || uid === undefined || !socket.authorized || socket.isSessionReused())
    return undefined;
  const expiresMs = certificate.validToDate.getTime();
  // A connection may be older than what it began with.
  if (nowMs >= expiresMs) return undefined;
  const address = socket.remoteAddress ?? "";
  return {
    connection: { uid, keyHash: keyHash(certificate.publicKey), address, expiresMs },
    thumbprint: createHash("sha256").update(certificate.raw).digest("base64url"),
  };
}

async function grant(client: Client, asked: TokenRequest, deps: TokenDeps): Promise<Grant | Refusal> {
  const { broker, cluster, trail, now } = deps;
  const { connection, thumbprint } = client;
  const patience = AbortSignal.timeout(ANSWER_MS_MAX);
  const bearer = podBearer({ cluster, connection, token: asked.subjectToken });
  try {
    const exchanged = await broker.permits(bearer, asked.connection, patience);
    if (isRefusal(exchanged)) {
      await recordRefused(
        exchanged,
        { client: connection, connection: asked.connection, bearer },
        deps,
        patience,
      );
      return exchanged;
    }
    const { pod } = exchanged.standing.caller;
    if (pod === undefined) throw new TypeError("a pod was granted something as somebody else");
    const granted = grantOf(exchanged, pod, thumbprint, now());
    if (lifetimeOf(granted) <= 0) return refusal("IDENTITY_EXPIRED");
    const { id, by, ...rest } = granted;
    // On record first: a token that nobody knows of is never given out.
    const unsaid = await trail.say(
      {
        kind: "grant.issued",
        grant: id,
        connection: rest.connection,
        caller: rest.caller,
        certificate: rest.certificate,
        untilMs: rest.untilMs,
        ...(by === undefined ? {} : { by }),
      },
      patience,
    );
    return unsaid ?? granted;
  } catch (error) {
    if (!patience.aborted) throw error;
    return refusal("POD_UNCHECKED");
  }
}

/** That it could not be recorded changes nothing for who is refused; the trail tells of itself. */
async function recordRefused(
  { code }: Refusal,
  { client, connection, bearer }: { client: PodConnection; connection: ConnectionRef; bearer: Bearer },
  { trail, note }: TokenDeps,
  patience: AbortSignal,
): Promise<void> {
  const { uid, address } = client;
  const credential = bearer.claim === undefined ? {} : { credential: bearer.claim.credential };
  note("grant.refused", { code, uid, source: address, ...credential });
  try {
    await trail.say({ kind: "grant.refused", code, podUid: uid, connection, ...credential }, patience);
  } catch (error) {
    if (!patience.aborted) throw error;
  }
}

function send(reply: FastifyReply, answer: TokenError | object): FastifyReply {
  // RFC 6749, section 5.1: what is in the answer is nobody else's.
  reply.header("cache-control", "no-store").header("pragma", "no-cache");
  if (!("status" in answer)) return reply.send(answer);
  const { status, error, description, ...code } = answer;
  return reply.code(status).send({ error, error_description: descriptionIn(description), ...code });
}

/** RFC 8414, for libraries that look for it. */
function metadataOf(issuer: string): object {
  return {
    issuer,
    token_endpoint: `${issuer}${TOKEN_PATH}`,
    jwks_uri: `${issuer}${JWKS_PATH}`,
    grant_types_supported: [GRANT_TYPE],
    response_types_supported: [],
    token_endpoint_auth_methods_supported: ["tls_client_auth"],
    tls_client_certificate_bound_access_tokens: true,
    authorization_details_types_supported: ["sallyport.dev/connection"],
  };
}
