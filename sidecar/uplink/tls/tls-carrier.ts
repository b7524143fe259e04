/**
 * The port over mutual TLS: finds a replica of the broker, shows it this pod's certificate, and renews that in time by a connection
 * beside the one there is.
 */
import { type SecureContext, type TLSSocket, connect, createSecureContext } from "node:tls";
import { type Carrier, NotWelcome } from "../carrier.ts";
import type { Credential, Enrolment } from "./enrolment.ts";
import type { Replicas } from "./replicas.ts";

export interface TlsCarrierOptions {
  readonly replicas: Replicas;
  readonly enrolment: Enrolment;
  /** The name that the broker's certificate has to be for. */
  readonly serverName: string;
  readonly port: number;
  readonly nowMs: () => number;
  /** Between 0 and 1, so that gateways do not renew in step. */
  readonly chance: () => number;
  readonly heartbeatMs?: number;
  /** How long a replica may take to accept. */
  readonly connectMs?: number;
}

const PORT_PROTOCOL = "sallyport";
const CONNECT_MS_MAX = 5_000;
const HEARTBEAT_MS = 10_000;
const KEEP_ALIVE_MS = 15_000;
/** Of the time until a certificate is renewed, at most so much earlier. */
const RENEW_SPREAD = 0.1;

export function tlsCarrier(options: TlsCarrierOptions): Carrier {
  const { replicas, enrolment, nowMs, chance, heartbeatMs = HEARTBEAT_MS } = options;
  const contextOf = openContexts();
  /** Knows the leases of this pod's sessions, so it is asked first. */
  let last: string | undefined;
  /** Accepted, and then would not have us: it is asked last. */
  let shunned: string | undefined;

  function inOrder(found: readonly string[]): readonly string[] {
    const others = found.filter((address) => address !== last && address !== shunned);
    return [
      ...(last === undefined ? [] : [last]),
      ...others,
      ...found.filter((address) => address === shunned),
    ];
  }

  return {
    heartbeatMs,
    async dial(signal) {
      const addresses = inOrder(await replicas.addresses(signal));
      const credential = await enrolment.credential(addresses, signal);
      const context = contextOf(credential, await enrolment.authority());
      const { stream, address } = await first(addresses, (host) => secure(host, context, options, signal));
      last = address;
      if (shunned === address) shunned = undefined;
      const leftMs = Math.max(0, credential.renewAtMs - nowMs());
      return {
        stream,
        replaceInMs: leftMs * (1 - RENEW_SPREAD * chance()),
        unwelcome: (cause) => {
          if (isOfCertificate(cause)) enrolment.forget();
          last = undefined;
          shunned = address;
        },
      };
    },
  };
}

/** What asks for another certificate: TLS says by an alert that this one will not do, and the broker that its key is not the pod's. */
function isOfCertificate(cause: Error | undefined): boolean {
  if (cause instanceof NotWelcome) return cause.refusal.code === "POD_KEY_REFUSED";
  const code = cause !== undefined && "code" in cause ? String(cause.code) : "";
  return /^ERR_SSL_.*ALERT/.test(code);
}

/** The last one again where nothing has changed: most of what a try costs is in it. */
function openContexts(): (credential: Credential, ca: string) => SecureContext {
  let last:
    | { readonly credential: Credential; readonly ca: string; readonly context: SecureContext }
    | undefined;
  return (credential, ca) => {
    if (last?.credential !== credential || last.ca !== ca) {
      const { certificatePem: cert, keyPem: key } = credential;
      last = { credential, ca, context: createSecureContext({ ca, cert, key, minVersion: "TLSv1.3" }) };
    }
    return last.context;
  };
}

async function first(
  addresses: readonly string[],
  open: (address: string) => Promise<TLSSocket>,
): Promise<{ readonly stream: TLSSocket; readonly address: string }> {
  let failure: unknown = new Error("the broker has no address");
  for (const address of addresses) {
    try {
      return { stream: await open(address), address };
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function secure(
  host: string,
  secureContext: SecureContext,
  { port, serverName, connectMs = CONNECT_MS_MAX }: TlsCarrierOptions,
  signal: AbortSignal,
): Promise<TLSSocket> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host,
    port,
    servername: serverName,
    secureContext,
    ALPNProtocols: [PORT_PROTOCOL],
  });
  const abort = (): void => reject(signal.reason as Error);
  const late = setTimeout(() => reject(new Error("the broker does not accept the connection")), connectMs);
  socket.once("secureConnect", resolve).once("error", reject).once("close", closed);
  signal.addEventListener("abort", abort, { once: true });
  function closed(): void {
    reject(new Error("the broker closed the connection"));
  }
  try {
    await promise;
    if (socket.alpnProtocol !== PORT_PROTOCOL) throw new Error("the broker does not speak the port there");
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    return socket;
  } catch (error) {
    socket.on("error", () => undefined).destroy();
    throw error;
  } finally {
    clearTimeout(late);
    socket.off("error", reject).off("close", closed);
    signal.removeEventListener("abort", abort);
  }
}
