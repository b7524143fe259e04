/**
 * The broker port over mutual TLS: one connection of each pod's gateway, which shows the certificate that it was enrolled for.
 * Which pod speaks is what the certificate and its pin say, never what is said inside.
 */
import { type TLSSocket, type Server, createServer } from "node:tls";
import { keyHash, podOfAltName } from "#core/port/enrol.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import type { BrokerAuthority } from "../authority/authority.ts";
import { type Note, causeOf } from "../note.ts";
import { type GateLimits, PORT_LIMITS, openGate } from "./gate.ts";
import { servePeer } from "./peer.ts";
import { refusingPort } from "./refusing-port.ts";
import type { AttachedPort } from "./serve.ts";
import { type SparingNote, sparingNote } from "./sparing-note.ts";

/** Who is at the other end. */
export interface PodConnection {
  readonly uid: string;
  /** Of the key that it has shown; as `keyHash` of core/port/enrol.ts. */
  readonly keyHash: string;
  /** Of its end. */
  readonly address: string;
  /** When the certificate that it has shown ends, and this connection with it. */
  readonly expiresMs: number;
}

export interface TlsPortOptions {
  readonly host: string;
  readonly port: number;
  readonly authority: BrokerAuthority;
  /** Asks whether that key speaks for the pod, and makes the port of one connection; `detach` is called when that has ended. */
  readonly admit: (pod: PodConnection, signal: AbortSignal) => Promise<AttachedPort | Refusal>;
  readonly note: Note;
  readonly now: () => number;
  readonly limits?: GateLimits;
  /** For tests that cannot wait as long as a slow pod may. */
  readonly handshakeMs?: number;
}

export interface TlsPort extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
}

export const PORT_PROTOCOL = "sallyport";
const HANDSHAKE_MS_MAX = 5_000;
const ADMIT_MS_MAX = 10_000;

export async function serveTlsPort(options: TlsPortOptions): Promise<TlsPort> {
  const { authority, note, now, handshakeMs = HANDSHAKE_MS_MAX } = options;
  const sparing = sparingNote(note, now);
  const server = createServer({
    ...contextOf(authority),
    requestCert: true,
    rejectUnauthorized: true,
    handshakeTimeout: handshakeMs,
    ALPNProtocols: [PORT_PROTOCOL],
  });
  server.on("secureConnection", (socket) => {
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    take(socket, options, sparing).catch((error: unknown) => {
      note("port.failed", { cause: causeOf(error) });
      socket.destroy();
    });
  });
  return openTlsPort(server, options, sparing);
}

/** What a host that is gone leaves behind is noticed by it. */
const KEEP_ALIVE_MS = 15_000;

/** A listener behind its gate, whose certificate and trust follow the authority; for connections from then on. */
export async function openTlsPort(
  server: Server,
  options: Pick<TlsPortOptions, "host" | "port" | "authority" | "note" | "now" | "limits">,
  sparing: SparingNote,
): Promise<TlsPort> {
  const { host, port, authority, note, now, limits = PORT_LIMITS } = options;
  server.on("tlsClientError", (error, socket) => {
    sparing("port.refused", "handshake", { cause: causeOf(error), source: socket.remoteAddress ?? "" });
    // Node leaves open what did not shake hands in time.
    socket.destroy();
  });
  const gate = await openGate({
    host,
    port,
    server,
    limits,
    nowMs: now,
    onTurnedAway: (why, source) => sparing("port.refused", why, { cause: `too many: ${why}`, source }),
    onError: (error) => note("port.failed", { cause: causeOf(error) }),
  });
  const stop = authority.onChange(() => server.setSecureContext(contextOf(authority)));
  return {
    host: gate.host,
    port: gate.port,
    get connections() {
      return gate.connections;
    },
    [Symbol.asyncDispose]: async () => {
      stop();
      await gate[Symbol.asyncDispose]();
    },
  };
}

export function contextOf({ bundlePem, certificate }: BrokerAuthority): {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly minVersion: "TLSv1.3";
} {
  return {
    cert: certificate.certificatePem,
    key: certificate.keyPem,
    ca: bundlePem,
    minVersion: "TLSv1.3",
  };
}

async function take(socket: TLSSocket, options: TlsPortOptions, sparing: SparingNote): Promise<void> {
  const { admit, note, now } = options;
  socket.on("error", (error) => sparing("port.failed", "connection", { cause: causeOf(error) }));
  const certificate = socket.getPeerX509Certificate();
  const uid = podOfAltName(certificate?.subjectAltName);
  // A session taken up again has shown no certificate, only that it once had.
  const isShown = certificate !== undefined && socket.authorized && !socket.isSessionReused();
  if (!isShown || uid === undefined || socket.alpnProtocol !== PORT_PROTOCOL) {
    sparing("port.refused", "certificate", { cause: "not the certificate of a pod on this protocol" });
    return void socket.destroy();
  }
  const expiresMs = certificate.validToDate.getTime();
  const address = socket.remoteAddress ?? "";
  const pod = { uid, keyHash: keyHash(certificate.publicKey), address, expiresMs };
  const gone = new AbortController();
  socket.on("close", () => gone.abort());
  const port = await admitted(admit, pod, gone.signal);
  if (port === undefined) return;
  if (isRefusal(port)) {
    note("port.refused", { cause: port.code, pod: uid, source: address });
    // Its gateway has to hear why: a certificate may do again once it is another one.
    return servePeer(socket, { port: refusingPort(port), note });
  }
  if (socket.destroyed) return port.detach();
  socket.on("close", () => port.detach());
  endsWith(socket, expiresMs - now());
  servePeer(socket, { port, note });
}

/** Undefined when nobody waits for it any more. */
async function admitted(
  admit: TlsPortOptions["admit"],
  pod: PodConnection,
  gone: AbortSignal,
): Promise<AttachedPort | Refusal | undefined> {
  try {
    return await admit(pod, AbortSignal.any([gone, AbortSignal.timeout(ADMIT_MS_MAX)]));
  } catch (error) {
    if (gone.aborted) return undefined;
    throw error;
  }
}

/** A connection ends with the certificate that opened it: the gateway has opened the next one long before. */
function endsWith(socket: TLSSocket, leftMs: number): void {
  const timer = setTimeout(() => socket.destroy(), Math.max(0, leftMs)).unref();
  socket.on("close", () => clearTimeout(timer));
}
