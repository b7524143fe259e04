/** Greets a client: encryption, version, who it is and what it wants, before anything of the upstream is known. */
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Evidence } from "#core/port/port.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { FRONTEND_FRAMES, HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import {
  authenticationCleartextPassword,
  authenticationOk,
  negotiateProtocolVersion,
} from "#core/wire/postgres/messages.ts";
import { int32 } from "#core/wire/postgres/fields.ts";
import {
  ALPN_POSTGRESQL,
  readStartup,
  type StartupPacket,
  STARTUP_BYTES_MAX,
  TLS_HANDSHAKE_BYTE,
} from "#core/wire/postgres/startup.ts";
import type { Greeting, GreetingSettings, Session, UpstreamTarget } from "../protocol.ts";
import { readSome } from "../reading.ts";
import { securedClient } from "../tls.ts";
import { isSystemError, PeerBroke, PeerLeft, sayLast, write } from "../peer.ts";
import { readFrame } from "./handshake.ts";
import { refusalFatal } from "./refusals.ts";
import { unsuited } from "./start-up.ts";
import { type ClientStartup, readClientStartup } from "./startup-settings.ts";

/** A client that has been greeted: what the session needs of it. */
export interface GreetedClient {
  readonly socket: Socket;
  readonly startup: ClientStartup;
  /** 0 or 2. */
  readonly minor: number;
  readonly settings: GreetingSettings;
}

export type Connect = (
  client: GreetedClient,
  target: UpstreamTarget,
  signal: AbortSignal,
) => Promise<Session | Refusal>;

/** SSLRequest, GSSENCRequest and the startup packet, and room for one that repeats itself. */
const PACKETS_MAX = 4;

export async function greetClient(
  raw: Socket,
  settings: GreetingSettings,
  signal: AbortSignal,
  connect: Connect,
): Promise<Greeting | Refusal | undefined> {
  // The reads below report what happens to the socket; unheard, an error between two of them would end the process.
  raw.on("error", () => undefined);
  // The one that speaks for the client now: itself, or TLS over it.
  const at = { socket: raw };
  return attempt(at, signal, async () => {
    const packet = await openClient(at, settings, signal);
    return packet === undefined ? undefined : identify(at.socket, packet, settings, signal, connect);
  });
}

/** Whatever a stranger does wrong ends its connection, and only that. What is thrown is no stranger's doing. */
async function attempt<Value>(
  at: { readonly socket: Socket },
  signal: AbortSignal,
  step: () => Promise<Value | undefined>,
): Promise<Value | Refusal | undefined> {
  try {
    const value = await step();
    if (value === undefined) at.socket.destroy();
    return value;
  } catch (error) {
    const why = refusalOf(error);
    if (why === undefined) {
      at.socket.destroy();
      // Left, reset, timed out, or failed the TLS handshake: there is nobody to tell.
      if (error instanceof PeerLeft || isSystemError(error) || signal.aborted) return undefined;
      throw error;
    }
    await sayLast(at.socket, refusalFatal(why));
    return why;
  }
}

function refusalOf(error: unknown): Refusal | undefined {
  if (error instanceof PeerBroke) return refusal("CLIENT_PROTOCOL", error.message);
  if (error instanceof Unwelcome) return error.refusal;
  return isStop(error) ? error : undefined;
}

class Unwelcome extends Error {
  override readonly name = "Unwelcome";
  readonly refusal: Refusal;
  constructor(why: Refusal) {
    super(why.publicText);
    this.refusal = why;
  }
}

/** What a signal that ends sessions gives as its reason. */
const isStop = (error: unknown): error is Refusal =>
  typeof error === "object" && error !== null && isRefusal(error);

type Startup = Extract<StartupPacket, { kind: "startup" }>;

async function openClient(
  at: { socket: Socket },
  settings: GreetingSettings,
  signal: AbortSignal,
): Promise<Startup | undefined> {
  const raw = at.socket;
  for (let count = 0; count < PACKETS_MAX; count += 1) {
    const packet = await readPacket(at.socket, signal, at.socket === raw && count === 0);
    if (packet === undefined) return undefined;
    settings.progressed();
    if (packet === "tls") {
      if (settings.tls === undefined) return undefined;
      at.socket = await secured(raw, settings, signal, true);
      settings.progressed();
    } else if (packet.kind === "startup") return packet;
    else if (packet.kind === "cancel") {
      settings.cancel(Buffer.concat([int32(packet.processId), packet.key]));
      return undefined;
    } else if (at.socket !== raw) throw new PeerBroke("encryption is asked for twice");
    else if (packet.kind === "ssl" && settings.tls !== undefined) {
      await write(raw, Buffer.from("S"));
      at.socket = await secured(raw, settings, signal, false);
      settings.progressed();
    } else await write(raw, Buffer.from("N"));
  }
  throw new PeerBroke("too many packets before the startup packet");
}

/** Reads one packet. What a client sent behind one that it must wait for came from somebody else (CVE-2021-23214). */
async function readPacket(
  socket: Socket,
  signal: AbortSignal,
  mayBeTls: boolean,
): Promise<StartupPacket | "tls" | undefined> {
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const chunk = await readSome(socket, signal, STARTUP_BYTES_MAX + 1 - bytes.length);
    if (chunk === undefined) return undefined;
    bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
    if (mayBeTls && bytes[0] === TLS_HANDSHAKE_BYTE) {
      socket.unshift(bytes);
      return "tls";
    }
    const read = readStartup(bytes);
    if (read.state === "broken") throw new PeerBroke(read.fault);
    if (read.state === "more") continue;
    if (read.packet.kind === "startup") {
      // Its answer need not be waited for: clients say goodbye, or ask, in the same breath.
      if (bytes.length > read.usedBytes) socket.unshift(bytes.subarray(read.usedBytes));
      return read.packet;
    }
    if (bytes.length > read.usedBytes || socket.readableLength > 0)
      throw new PeerBroke("bytes follow a packet whose answer must be waited for");
    return read.packet;
  }
}

/** TLS over `raw`, with us as its server, once the client has shown that it can. */
export async function secured(
  raw: Socket,
  { tls }: Pick<GreetingSettings, "tls">,
  signal: AbortSignal,
  direct: boolean,
): Promise<TLSSocket> {
  const socket = await securedClient(raw, { tls, alpn: ALPN_POSTGRESQL }, signal);
  if (direct && socket.alpnProtocol !== ALPN_POSTGRESQL) {
    socket.destroy();
    throw new PeerLeft("a client that begins with TLS must say that it speaks PostgreSQL");
  }
  return socket;
}

// oxlint-disable-next-line max-params -- what the steps before it have brought
async function identify(
  socket: Socket,
  packet: Startup,
  settings: GreetingSettings,
  signal: AbortSignal,
  connect: Connect,
): Promise<Greeting | undefined> {
  const startup = readClientStartup(packet.parameters);
  if (isRefusal(startup)) throw new Unwelcome(startup);
  if (packet.minor > 2 || packet.protocolOptions.length > 0)
    await write(socket, negotiateProtocolVersion(packet.minor >= 2 ? 2 : 0, packet.protocolOptions));
  const minor = packet.minor >= 2 ? 2 : 0;
  const client = { socket, startup, minor, settings };
  if (settings.identity === "ambient") return greeting(client, { kind: "ambient" }, undefined, connect);
  if (!(socket instanceof TLSSocket)) throw new Unwelcome(refusal("CLIENT_TLS_REQUIRED"));
  const token = await askForToken(socket, signal);
  if (token.length === 0) throw new Unwelcome(refusal("IDENTITY_MISSING"));
  const presented = isTokenShaped(token) ? undefined : "a password in the startup of PostgreSQL";
  return greeting(client, { kind: "token", token }, presented, connect);
}

async function askForToken(socket: Socket, signal: AbortSignal): Promise<Buffer> {
  await write(socket, authenticationCleartextPassword());
  const frame = await readFrame(socket, signal, FRONTEND_FRAMES);
  const end = frame.bytes.length - 1;
  if (frame.type !== "p" || frame.bytes[end] !== 0) throw new PeerBroke("a password message was expected");
  if (socket.readableLength > 0) throw new PeerBroke("bytes follow the password before it is answered");
  const token = Buffer.from(frame.bytes.subarray(HEADER_BYTES, end));
  frame.bytes.fill(0);
  return token;
}

/** Three parts of base64url with dots between them, the first a JSON object. Anything else is a password of theirs. */
function isTokenShaped(token: Buffer): boolean {
  let dots = 0;
  for (const byte of token) {
    if (byte === 0x2e) dots += 1;
    else if (!isBase64Url(byte)) return false;
  }
  return dots === 2 && token.subarray(0, 2).equals(Buffer.from("ey"));
}

const isBase64Url = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x41 && byte <= 0x5a) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x5f;

function greeting(
  client: GreetedClient,
  evidence: Evidence,
  presentedSecret: string | undefined,
  connect: Connect,
): Greeting {
  const { socket } = client;
  const { user, database = "", applicationName } = client.startup;
  // This lives as long as the session, and what the client began with is of no use any more once it is connected.
  let greeted: GreetedClient | undefined = client;
  return {
    evidence,
    intent: { user, database, applicationName },
    request: { protocol: "postgres", statements: [] },
    presentedSecret,
    refuse: (why) => sayLast(socket, refusalFatal(why)),
    welcome() {
      socket.write(authenticationOk());
    },
    unsuited: (connection) => (greeted === undefined ? undefined : unsuited(greeted.startup, connection)),
    connect: (target, signal) => {
      const connecting = greeted;
      greeted = undefined;
      if (connecting === undefined) throw new TypeError("a client is connected once");
      return connect(connecting, target, signal);
    },
  };
}
