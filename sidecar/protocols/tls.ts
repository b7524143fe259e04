/** TLS with both sides: as the server of a client, and as the client of an upstream that has to show who it is. */
import { isIP, type Socket } from "node:net";
import {
  type ConnectionOptions,
  type SecureContext,
  TLSSocket,
  connect as connectTls,
  createSecureContext,
} from "node:tls";
import type { ConnectionView } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { TLS_FLOOR } from "#runtime/tls-floor.ts";
import { event } from "./connecting.ts";
import { PeerLeft } from "./peer.ts";

/** Throws `PeerLeft` where there is no handshake. */
export async function securedClient(
  raw: Socket,
  { tls, alpn }: { readonly tls: SecureContext | undefined; readonly alpn: string },
  signal: AbortSignal,
): Promise<TLSSocket> {
  const socket = new TLSSocket(raw, {
    isServer: true,
    ...(tls === undefined ? {} : { secureContext: tls }),
    ALPNProtocols: [alpn],
  });
  // No client of ours ever does, and each attempt would cost us a handshake.
  socket.disableRenegotiation();
  await handshaken(socket, signal);
  return socket;
}

function handshaken(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (then: () => void) => (): void => {
      socket.off("secure", done);
      socket.off("close", failed);
      signal.removeEventListener("abort", aborted);
      then();
    };
    const done = settle(resolve);
    const failed = settle(() => reject(new PeerLeft("the TLS handshake failed")));
    const aborted = settle(() => {
      socket.destroy();
      reject(signal.reason as Error);
    });
    socket.on("error", () => undefined);
    socket.on("secure", done);
    socket.on("close", failed);
    signal.addEventListener("abort", aborted);
    if (signal.aborted) aborted();
  });
}

/** `bounded`: how long it may take. `signal`: the session's own, whose reason is thrown. */
export async function securedUpstream(
  raw: Socket,
  { spec, alpn }: { readonly spec: ConnectionView["spec"]; readonly alpn: string },
  bounded: AbortSignal,
  signal: AbortSignal,
): Promise<Socket | Refusal> {
  const socket = connectTls({ socket: raw, ...optionsOf(spec, alpn) });
  socket.on("error", () => undefined);
  try {
    await event(socket, "secureConnect", bounded);
    return socket;
  } catch (error) {
    socket.destroy();
    raw.destroy();
    if (signal.aborted) throw error;
    return refusal("UPSTREAM_UNTRUSTED", `the upstream could not prove who it is: ${problemOf(error)}`);
  }
}

function optionsOf({ address, tls }: ConnectionView["spec"], alpn: string): ConnectionOptions {
  const name = tls.serverName ?? address.host;
  return {
    ALPNProtocols: [alpn],
    secureContext: trustOf(tls),
    rejectUnauthorized: true,
    // Server name indication is for names alone; the check takes addresses too.
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    // Trusted is all that verify-ca asks; whose certificate it is does not matter to it.
    ...(tls.mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}

type UpstreamTls = ConnectionView["spec"]["tls"];

const trusts = new WeakMap<UpstreamTls, SecureContext>();

/** Whom a Connection trusts is read once for all of its sessions: by itself, that would be 20 kB and more of each. */
function trustOf(tls: UpstreamTls): SecureContext {
  let trust = trusts.get(tls);
  if (trust === undefined) {
    trust = createSecureContext({ ...TLS_FLOOR, ...(tls.caPem === undefined ? {} : { ca: tls.caPem }) });
    trusts.set(tls, trust);
  }
  return trust;
}

/** OpenSSL's word for it, which names no host. */
function problemOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === undefined ? "the TLS handshake failed" : code.toLowerCase().replaceAll("_", " ");
}
