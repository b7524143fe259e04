/** The protocol by itself: a real socket on either side, policy and broker played by the test. */
import { once } from "node:events";
import { type AddressInfo, type Socket, createServer } from "node:net";
import type { TestContext } from "node:test";
import { type TLSSocket, connect, createSecureContext, createServer as createTlsServer } from "node:tls";
import type { Decision } from "#core/policy/decision.ts";
import type { Request } from "#core/policy/facts.ts";
import { NO_OBLIGATIONS } from "#core/policy/obligations.ts";
import type { KubernetesRequest } from "#core/policy/protocols/kubernetes/acts.ts";
import { say } from "#core/policy/protocols/kubernetes/words.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { RelayEnd, ResultCounts, Tap } from "#sidecar/protocols/protocol.ts";
import { kubernetesProtocol } from "#sidecar/protocols/kubernetes/protocol.ts";
import { makeAuthority } from "#test/support/certificates.ts";

export const TOKEN = "canary-bearer-7f1e";

const authority = makeAuthority();
const { certPem, keyPem } = authority.issue("IP:127.0.0.1");
const secure = createSecureContext({ cert: certPem, key: keyPem });

/** What came to the API server, by connection, and the connections themselves. */
export interface Upstream {
  readonly port: number;
  readonly sockets: readonly TLSSocket[];
  readonly received: () => string;
}

/** `speak`: told of all that has come over the connection so far, whenever more has. */
export async function startUpstream(
  context: TestContext,
  speak: (socket: TLSSocket, received: string) => void,
): Promise<Upstream> {
  const sockets: TLSSocket[] = [];
  const texts: string[] = [];
  const server = createTlsServer({ cert: certPem, key: keyPem, ALPNProtocols: ["http/1.1"] }, (socket) => {
    const at = sockets.push(socket) - 1;
    texts.push("");
    socket.on("error", () => undefined);
    socket.on("data", (piece: Buffer) => {
      texts[at] = (texts[at] ?? "") + piece.toString("latin1");
      speak(socket, texts[at] ?? "");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, sockets, received: () => texts.join("") };
}

export interface Direct {
  readonly client: TLSSocket;
  /** What the client has been told so far. */
  readonly told: () => string;
  /** Of the session, when it is over. */
  readonly end: Promise<RelayEnd>;
  readonly results: readonly (ResultCounts & { readonly request: number })[];
  /** As a changed policy does. */
  change(): void;
  stop(why: Refusal): void;
  proofs: number;
}

export interface DirectOptions {
  readonly upstream: Pick<Upstream, "port">;
  /** By what is said of the request. */
  readonly permits?: (what: string) => boolean;
  readonly count?: Tap["count"];
  readonly prove?: () => { readonly token: string; readonly expiresMs?: number };
  readonly sends?: string;
}

export async function open(
  context: TestContext,
  { upstream, permits = () => true, count = () => undefined, prove, sends = "" }: DirectOptions,
): Promise<Direct> {
  const stopping = new AbortController();
  const changed: (() => void)[] = [];
  const results: (ResultCounts & { request: number })[] = [];
  const ended = Promise.withResolvers<RelayEnd>();
  const direct = { proofs: 0 };
  const decide = (request: Request): Decision => {
    const { acts } = request as KubernetesRequest;
    const isPermitted = permits(acts.map(say).join(" + "));
    const outcome = isPermitted ? ("allow" as const) : ("deny" as const);
    return {
      outcome,
      code: isPermitted ? "ALLOWED" : "DENY_NO_RULE",
      publicText: `${outcome}: ${acts.map(say).join(" + ")}`,
      obligations: NO_OBLIGATIONS,
      observations: [],
      validUntilMs: Infinity,
    };
  };
  let requests = 0;
  const tap: Tap = {
    decide: async (request) => {
      const decision = decide(request);
      const number = requests++;
      if (decision.outcome === "allow") return { pass: true, request: number, decision };
      return { pass: false, request: number, refusal: refusal(decision.code, decision.publicText) };
    },
    recheck: decide,
    result: (request, counts) => void results.push({ request, ...counts }),
    count,
    obligations: NO_OBLIGATIONS,
    passesAll: false,
    onChange: (listener) => void changed.push(listener),
    isFull: false,
    onRoom: () => undefined,
  };
  const serve = async (socket: Socket): Promise<void> => {
    const settings = { listener: "t", identity: "ambient", tls: secure, cancel: () => undefined } as const;
    const greeting = await kubernetesProtocol(Date.now).greet(
      socket,
      { ...settings, progressed: () => undefined, cancelKey: () => new Uint8Array(8) },
      stopping.signal,
    );
    if (greeting === undefined || isRefusal(greeting))
      return ended.resolve({ by: "client", refusal: undefined });
    greeting.welcome();
    const session = await greeting.connect(
      {
        connection: {
          metadata: { name: "api", namespace: "shop" },
          spec: {
            protocol: "kubernetes",
            address: { host: "127.0.0.1", port: upstream.port },
            kubernetes: {},
            tls: { mode: "verify-full", caPem: authority.certPem },
          },
        },
        lease: { lease: "l", user: "u", expiresMs: Infinity },
        prove: async () => {
          direct.proofs += 1;
          const { token, ...rest } = prove?.() ?? { token: TOKEN, expiresMs: Date.now() + 600_000 };
          return { kind: "bearer", token: Buffer.from(token), ...rest };
        },
        sessionMark: "sallyport:test",
      },
      stopping.signal,
    );
    if (isRefusal(session)) {
      await greeting.refuse(session);
      return ended.resolve({ by: "gateway", refusal: session });
    }
    ended.resolve(await session.relay(tap, stopping.signal));
  };
  const listener = createServer({ pauseOnConnect: false, allowHalfOpen: true }, (socket) => {
    serve(socket).catch(ended.reject);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const client = connect({ port, host: "127.0.0.1", ca: authority.certPem, ALPNProtocols: ["http/1.1"] });
  let told = "";
  client.on("error", () => undefined);
  client.on("data", (piece: Buffer) => (told += piece.toString("latin1")));
  context.after(() => {
    client.destroy();
    listener.close();
  });
  await once(client, "secureConnect");
  if (sends !== "") client.write(Buffer.from(sends, "latin1"));
  return Object.assign(direct, {
    client,
    told: () => told,
    end: ended.promise,
    results,
    change: () => {
      for (const listen of changed) listen();
    },
    stop: (why: Refusal) => stopping.abort(why),
  });
}

export const get = (target: string, ...fields: readonly string[]): string =>
  [`GET ${target} HTTP/1.1`, "Host: kubernetes.default.svc", ...fields, "", ""].join("\r\n");

export const answer = (body: string, ...fields: readonly string[]): string =>
  ["HTTP/1.1 200 OK", `Content-Length: ${body.length}`, ...fields, "", body].join("\r\n");
