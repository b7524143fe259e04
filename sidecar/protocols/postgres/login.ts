/** Signs in to the upstream: by SCRAM, whose proof comes from the broker, and by less only where the Connection says so. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { serialize } from "pg-protocol";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { deadline } from "#runtime/deadline.ts";
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import {
  AUTHENTICATION,
  type AuthenticationRequest,
  type BackendKey,
  readAuthentication,
  readBackendKeyData,
  readNegotiatedVersion,
  readNoticeOrError,
  readParameterStatus,
  readSaslMechanisms,
} from "#core/wire/postgres/messages.ts";
import {
  type Binding,
  clientFirst,
  isServerSignature,
  parseServerFinal,
  parseServerFirst,
  SCRAM_SHA_256,
  SCRAM_SHA_256_PLUS,
} from "#core/wire/postgres/scram.ts";
import {
  CANCEL_KEY_BYTES_MAX,
  PROTOCOL_3_0,
  PROTOCOL_3_2,
  startupMessage,
} from "#core/wire/postgres/startup.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { isSystemError, PeerBroke, PeerLeft, write } from "../peer.ts";
import { certificateHash } from "./certificate-hash.ts";
import { dial } from "./dial.ts";
import { type Frame, readFrame } from "./handshake.ts";
import { answerWeakly } from "./weak-login.ts";

export interface UpstreamLogin {
  /** ParameterStatus as reported, in order. */
  readonly parameters: ReadonlyMap<string, string>;
  readonly key: BackendKey | undefined;
  readonly socket: Socket;
}

export const LOGIN_MS_MAX = 15_000;
const NONCE_BYTES = 18;
const PARAMETERS_MAX = 200;
/** What an upstream may say before the session is ready: its parameters are held for as long as that lasts. */
const LOGIN_BYTES_MAX = 128 * 1024;
/** Beside the parameters: notices, the key. Each is read by itself, which costs more than its bytes. */
export const LOGIN_MESSAGES_MAX: number = PARAMETERS_MAX + 200;

/** Dials and signs in; every failure leaves nothing open. */
export async function logIn(
  target: UpstreamTarget,
  settings: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<UpstreamLogin | Refusal> {
  const socket = await dial(target, signal);
  if (isRefusal(socket)) return socket;
  using bounded = deadline(signal, LOGIN_MS_MAX);
  try {
    const login = await signIn(socket, target, settings, bounded.signal);
    if (isRefusal(login)) socket.destroy();
    return login;
  } catch (error) {
    socket.destroy();
    if (signal.aborted) throw error;
    const why = bounded.signal.aborted ? refusal("UPSTREAM_UNREACHABLE") : upstreamFault(error);
    if (why === undefined) throw error;
    return why;
  }
}

/** What an upstream did wrong, or undefined when it was not the upstream. */
export function upstreamFault(error: unknown): Refusal | undefined {
  if (error instanceof PeerBroke || error instanceof MalformedMessage) return refusal("UPSTREAM_PROTOCOL");
  return error instanceof PeerLeft || isSystemError(error) ? refusal("UPSTREAM_UNREACHABLE") : undefined;
}

/** The next message of an upstream that has not said too much yet. */
export function readLogin(socket: Socket, signal: AbortSignal): Promise<Frame> {
  if (socket.bytesRead > LOGIN_BYTES_MAX) throw new PeerBroke("too much is said before the session is ready");
  return readFrame(socket, signal);
}

async function signIn(
  socket: Socket,
  target: UpstreamTarget,
  settings: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<UpstreamLogin | Refusal> {
  const { connection, lease } = target;
  const database = connection.spec.postgres?.database;
  const parameters = {
    user: lease.user,
    ...(database === undefined ? {} : { database }),
    ...Object.fromEntries(settings),
  };
  // Servers before 18 answer 3.2 with NegotiateProtocolVersion and go on with 3.0: no second connection is needed.
  await write(socket, startupMessage(PROTOCOL_3_2, parameters));
  for (let isNegotiated = false; ; isNegotiated = true) {
    const frame = await readLogin(socket, signal);
    if (frame.type === "v" && !isNegotiated) {
      const version = readNegotiatedVersion(frame.bytes, 0, frame.bytes.length);
      if (version < PROTOCOL_3_0 || version > PROTOCOL_3_2)
        throw new PeerBroke("the upstream negotiates for what nobody offered");
      continue;
    }
    if (frame.type === "E") return loginRefused(frame);
    if (frame.type !== "R") throw new PeerBroke("the upstream did not ask for authentication");
    const request = readAuthentication(frame.bytes, 0, frame.bytes.length);
    if (connection.spec.credential === "none") return trusted(socket, request, signal);
    const refused = await authenticate(socket, request, target, signal);
    return refused ?? untilReady(socket, false, signal);
  }
}

/** Without a credential the upstream has to ask for none. */
async function trusted(
  socket: Socket,
  { kind }: AuthenticationRequest,
  signal: AbortSignal,
): Promise<UpstreamLogin | Refusal> {
  if (kind === AUTHENTICATION.ok) return untilReady(socket, true, signal);
  return refusal(
    "CREDENTIAL_UNAVAILABLE",
    "the upstream asks for a credential, and this connection has none (spec.credential.mode)",
  );
}

async function authenticate(
  socket: Socket,
  request: AuthenticationRequest,
  target: UpstreamTarget,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  if (request.kind === AUTHENTICATION.sasl)
    return scram(socket, readSaslMechanisms(request.data), target, signal);
  if (request.kind === AUTHENTICATION.ok)
    return refusal(
      "UPSTREAM_UNTRUSTED",
      "the upstream asks for no proof, so it gives none: it must use scram-sha-256",
    );
  return answerWeakly(socket, request, target, signal);
}

async function scram(
  socket: Socket,
  offered: readonly string[],
  { prove }: UpstreamTarget,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const binding = bindingOf(socket, offered);
  const mechanism = binding.kind === "tls-server-end-point" ? SCRAM_SHA_256_PLUS : SCRAM_SHA_256;
  if (!offered.includes(mechanism))
    return refusal("UPSTREAM_UNTRUSTED", "the upstream does not offer SCRAM-SHA-256");
  const first = clientFirst(randomBytes(NONCE_BYTES), binding);
  await write(socket, serialize.sendSASLInitialResponseMessage(mechanism, first.message));
  const serverFirst = await saslText(socket, AUTHENTICATION.saslContinue, signal);
  if (typeof serverFirst !== "string") return serverFirst;
  if (parseServerFirst(serverFirst, first.bare) === undefined)
    return refusal("UPSTREAM_UNTRUSTED", "the upstream's challenge is not one that may be answered");
  const { bare: clientFirstBare, channelBinding } = first;
  const proof = await prove({ kind: "scram-sha-256", clientFirstBare, serverFirst, channelBinding }, signal);
  if (isRefusal(proof)) return proof;
  if (proof.kind !== "scram-sha-256") throw new TypeError("the broker has answered another challenge");
  await write(socket, serialize.sendSCRAMClientFinalMessage(proof.clientFinal));
  const serverFinal = await saslText(socket, AUTHENTICATION.saslFinal, signal);
  if (typeof serverFinal !== "string") return serverFinal;
  const signature = parseServerFinal(serverFinal);
  if (signature === undefined || !isServerSignature(signature, proof.serverSignature))
    return refusal("UPSTREAM_UNTRUSTED", "the upstream does not know the credential it asked for");
  return undefined;
}

/** Over TLS a server that offers no binding must be able to tell that we could have: else it was stripped unnoticed. */
function bindingOf(socket: Socket, offered: readonly string[]): Binding {
  const hash = socket instanceof TLSSocket ? certificateHash(socket) : undefined;
  if (hash === undefined) return { kind: "unsupported" };
  if (!offered.includes(SCRAM_SHA_256_PLUS)) return { kind: "notOffered" };
  return { kind: "tls-server-end-point", certificateHash: hash };
}

async function saslText(socket: Socket, kind: number, signal: AbortSignal): Promise<string | Refusal> {
  const frame = await readLogin(socket, signal);
  if (frame.type === "E") return loginRefused(frame);
  if (frame.type !== "R") throw new PeerBroke("the upstream left the SASL exchange");
  const request = readAuthentication(frame.bytes, 0, frame.bytes.length);
  // An AuthenticationOk in the middle would skip the server's own proof.
  if (request.kind !== kind)
    return refusal("UPSTREAM_UNTRUSTED", "the upstream ended authentication before proving itself");
  return request.data.toString("utf8");
}

async function untilReady(
  socket: Socket,
  isAuthenticated: boolean,
  signal: AbortSignal,
): Promise<UpstreamLogin | Refusal> {
  const parameters = new Map<string, string>();
  let key: BackendKey | undefined;
  let authenticated = isAuthenticated;
  for (let count = 0; count < LOGIN_MESSAGES_MAX; count += 1) {
    const { type, bytes } = await readLogin(socket, signal);
    if (type === "E") return loginRefused({ type, bytes });
    if (type === "R") {
      const isOk = readAuthentication(bytes, 0, bytes.length).kind === AUTHENTICATION.ok;
      if (!isOk || authenticated) throw new PeerBroke("authentication did not end");
      authenticated = true;
    } else if (!authenticated) throw new PeerBroke("authentication did not end");
    else if (type === "S") {
      const { name, value } = readParameterStatus(bytes, 0, bytes.length);
      parameters.set(name, value);
      if (parameters.size > PARAMETERS_MAX) throw new PeerBroke("too many parameters");
    } else if (type === "K") key = keyIn(bytes);
    else if (type === "Z") return { parameters, key, socket };
    else if (type !== "N") throw new PeerBroke(`a message of type ${type} before the session is ready`);
  }
  throw new PeerBroke("the session does not become ready");
}

function keyIn(bytes: Buffer): BackendKey {
  const key = readBackendKeyData(bytes, 0, bytes.length);
  if (key.key.length > CANCEL_KEY_BYTES_MAX) throw new PeerBroke("the key of the session is too long");
  return key;
}

/** The upstream's words name its user, database and host rules, so they are replaced; the SQLSTATE says enough. */
function loginRefused({ bytes }: Frame): Refusal {
  const code = readNoticeOrError(bytes, 0, bytes.length).get("C") ?? "";
  if (code === "53300")
    return refusal("UPSTREAM_UNREACHABLE", "the upstream takes no more connections now (53300)");
  if (code.startsWith("57P"))
    return refusal("UPSTREAM_UNREACHABLE", `the upstream takes no connections now (${code})`);
  return refusal("CREDENTIAL_REFUSED", `the upstream does not accept the session (${code})`);
}
