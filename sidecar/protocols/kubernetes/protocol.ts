/** The Kubernetes API: HTTP/1.1 over TLS, decided request by request. */
import type { Socket } from "node:net";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import { isNamed, valueOf } from "#core/wire/http/fields.ts";
import { type RequestHead, readRequest } from "#core/wire/http/head.ts";
import { PeerBroke, sayLast } from "../peer.ts";
import type { Greeting, GreetingSettings, Protocol, Session, UpstreamTarget } from "../protocol.ts";
import { readSome } from "../reading.ts";
import { securedClient } from "../tls.ts";
import { ALPN_HTTP } from "./alpn.ts";
import { openBearer } from "./bearer.ts";
import { Inbound } from "./inbound.ts";
import { NO_TOKEN } from "./marker.ts";
import { relay } from "./relay.ts";
import { CLOSING, answerTo, statusResponse } from "./status.ts";
import { openUpstream } from "./upstream.ts";

export function kubernetesProtocol(nowMs: () => number): Protocol {
  return {
    name: "kubernetes",
    greet: (client, settings, signal) => greet(client, settings, signal, nowMs),
  };
}

const TLS_HANDSHAKE_BYTE = 0x16;

async function greet(
  raw: Socket,
  settings: GreetingSettings,
  signal: AbortSignal,
  nowMs: () => number,
): Promise<Greeting | undefined> {
  // The reads below report what happens to the socket; unheard, an error between two of them would end the process.
  raw.on("error", () => undefined);
  const at = { socket: raw };
  try {
    const first = await readSome(raw, signal);
    if (first === undefined) return left(raw);
    raw.unshift(first);
    settings.progressed();
    const isTls = first[0] === TLS_HANDSHAKE_BYTE;
    if (isTls !== (settings.tls !== undefined)) return await unwelcome(raw, isTls);
    if (!isTls && settings.identity === "perClient") return await unwelcome(raw, isTls);
    if (isTls) at.socket = await securedClient(raw, { tls: settings.tls, alpn: ALPN_HTTP }, signal);
    settings.progressed();
    const client = new Inbound(at.socket);
    const head = await client.head(readRequest, signal);
    return head === undefined ? left(at.socket) : greetingOf({ client, first: head, settings, nowMs });
  } catch (error) {
    const { socket } = at;
    if (error instanceof PeerBroke)
      await tell(socket, refusal("CLIENT_PROTOCOL", `the client sent ${error.message}`));
    else if (typeof error === "object" && error !== null && isRefusal(error)) await tell(socket, error);
    // Left, reset, timed out, or failed the TLS handshake: there is nobody to tell.
    else socket.destroy();
    return undefined;
  }
}

function left(socket: Socket): undefined {
  socket.destroy();
}

/** A client in the clear can be told; one that begins with TLS where there is none cannot. */
async function unwelcome(raw: Socket, isTls: boolean): Promise<undefined> {
  if (isTls) return left(raw);
  await tell(
    raw,
    refusal("CLIENT_TLS_REQUIRED", "this connection is for clients that speak TLS: write https"),
  );
}

function tell(socket: Socket, why: Refusal): Promise<void> {
  return sayLast(socket, statusResponse({ why }, CLOSING));
}

interface Greeted {
  readonly client: Inbound;
  readonly first: RequestHead;
  readonly settings: GreetingSettings;
  readonly nowMs: () => number;
}

function greetingOf(greeted: Greeted): Greeting {
  const { client, first, settings } = greeted;
  const bearer = bearerOf(first);
  const isPerClient = settings.identity === "perClient";
  return {
    evidence: isPerClient
      ? { kind: "token", token: Buffer.from(bearer ?? "", "latin1") }
      : { kind: "ambient" },
    intent: { userAgent: (valueOf(first.fields, "user-agent") ?? "").slice(0, INTENT_CHARS_MAX) },
    request: { protocol: "kubernetes", acts: [] },
    presentedSecret:
      isPerClient || bearer === undefined || bearer === NO_TOKEN ? undefined : "an Authorization of HTTP",
    refuse: (why) => sayLast(client.socket, statusResponse({ why }, { ...answerTo(first), isLast: true })),
    welcome: () => undefined,
    connect: (target, signal) => connect(greeted, target, signal),
  };
}

const INTENT_CHARS_MAX = 200;

/** The token, or whatever else the client takes for its credential. */
function bearerOf({ fields }: RequestHead): string | undefined {
  const value = fields.find(([name]) => isNamed(name, "authorization"))?.[1];
  return value?.replace(/^bearer +/i, "");
}

async function connect(
  { client, first, settings, nowMs }: Greeted,
  { connection, lookup, prove, sessionMark }: UpstreamTarget,
  signal: AbortSignal,
): Promise<Session | Refusal> {
  const upstream = openUpstream({ connection, lookup });
  try {
    const opened = await upstream.take(signal);
    if (isRefusal(opened)) return opened;
    upstream.giveBack(opened.inbound);
  } catch (error) {
    upstream[Symbol.dispose]();
    if (typeof error === "object" && error !== null && isRefusal(error)) return error;
    throw error;
  }
  const bearer = openBearer(prove, nowMs);
  const own = bearerOf(first);
  const isSameClient = (head: RequestHead): boolean =>
    settings.identity === "ambient" || bearerOf(head) === own;
  return {
    cancel: () => undefined,
    relay: (tap, stop) =>
      relay({ client, upstream, bearer, first, mark: sessionMark, isSameClient }, tap, stop),
  };
}
