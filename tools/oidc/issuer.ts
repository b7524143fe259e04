/** A real OpenID Connect provider on this machine, whose keys we hold: it issues, and a test can forge. */
import { once } from "node:events";
import { type RequestListener, type Server, createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { type JWK, exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

export interface IssuerOptions {
  /** Taken when given, so that an issuer can come back where it was. */
  readonly port?: number;
  /** An address of this machine, when others than its own programs ask. */
  readonly host?: string;
  readonly keys?: readonly JWK[];
  readonly tls?: { readonly certPem: string; readonly keyPem: string };
  /** Claims that every issued token carries besides those of the protocol. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly tokenSeconds?: number;
}

export interface Issuer extends AsyncDisposable {
  readonly issuer: string;
  readonly port: number;
  /** Private keys, newest first. */
  readonly keys: readonly JWK[];
  /** How many requests it has had, by path. */
  readonly requests: ReadonlyMap<string, number>;
  /** A signed access token for the client, by the client credentials grant. */
  issue(clientId: string, audience: string): Promise<string>;
  /** The same issuer with these keys from the next request on. */
  rotate(keys: readonly JWK[]): void;
  stop(): Promise<void>;
}

const CLIENT_SECRET = "a-secret-of-the-test-issuer-only-0123456789";

export async function signingKey(
  algorithm: "RS256" | "ES256" | "EdDSA" | "PS256" | "ES384",
  kid: string,
): Promise<JWK> {
  const { privateKey } = await generateKeyPair(algorithm, { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: algorithm, use: "sig" };
}

export async function startIssuer(options: IssuerOptions = {}): Promise<Issuer> {
  let keys = options.keys ?? [await signingKey("RS256", "first")];
  let listener: RequestListener = () => undefined;
  const requests = new Map<string, number>();
  const answer: RequestListener = (request, response) => {
    const path = request.url ?? "";
    requests.set(path, (requests.get(path) ?? 0) + 1);
    listener(request, response);
  };
  const { tls, host = "127.0.0.1" } = options;
  const server =
    tls === undefined
      ? createServer(answer)
      : createTlsServer({ cert: tls.certPem, key: tls.keyPem }, answer);
  server.listen(options.port ?? 0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const issuer = `${tls === undefined ? "http" : "https"}://${host}:${port}`;
  const load = (): void => {
    listener = provide(issuer, keys, options);
  };
  load();
  return {
    issuer,
    port,
    get keys() {
      return keys;
    },
    requests,
    issue: (clientId, audience) => issueToken(issuer, clientId, audience),
    rotate(next) {
      keys = next;
      load();
    },
    stop: () => stop(server),
    [Symbol.asyncDispose]: () => stop(server),
  };
}

function provide(
  issuer: string,
  keys: readonly JWK[],
  { claims = {}, tokenSeconds = 300 }: IssuerOptions,
): RequestListener {
  const algorithm = keys[0]?.alg ?? "RS256";
  const provider = quietly(
    () =>
      new Provider(issuer, {
        jwks: { keys },
        adapter: memory(),
        clients: [agent("agent"), agent("reporter")],
        clientDefaults: { id_token_signed_response_alg: algorithm },
        ttl: { ClientCredentials: tokenSeconds },
        extraTokenClaims: () => ({ ...claims }),
        features: {
          clientCredentials: { enabled: true },
          devInteractions: { enabled: false },
          resourceIndicators: {
            enabled: true,
            getResourceServerInfo: (_context: unknown, resource: string) => ({
              scope: "connect",
              audience: resource,
              accessTokenTTL: tokenSeconds,
              accessTokenFormat: "jwt",
              jwt: { sign: { alg: algorithm } },
            }),
          },
        },
      }),
  );
  return provider.callback();
}

/** The provider tells on the console what a production set-up should have; a test is none. */
function quietly<Made>(make: () => Made): Made {
  const { info, warn } = console;
  console.info = () => undefined;
  console.warn = () => undefined;
  try {
    return make();
  } finally {
    console.info = info;
    console.warn = warn;
  }
}

function agent(clientId: string): Readonly<Record<string, unknown>> {
  return {
    client_id: clientId,
    client_secret: CLIENT_SECRET,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
  };
}

/** Nothing outlives a request here: a client credentials grant leaves no state that anybody asks for later. */
function memory(): new (name: string) => Readonly<Record<string, unknown>> {
  return class {
    readonly #rows = new Map<string, unknown>();
    upsert(id: string, row: unknown): Promise<void> {
      this.#rows.set(id, row);
      return Promise.resolve();
    }
    find(id: string): Promise<unknown> {
      return Promise.resolve(this.#rows.get(id));
    }
    destroy(id: string): Promise<void> {
      this.#rows.delete(id);
      return Promise.resolve();
    }
  } as never;
}

async function issueToken(issuer: string, clientId: string, audience: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${CLIENT_SECRET}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: audience, scope: "connect" }),
  });
  const answer = (await response.json()) as { access_token?: string };
  if (answer.access_token === undefined)
    throw new Error(`no token: ${response.status} ${JSON.stringify(answer)}`);
  return answer.access_token;
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return;
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}
