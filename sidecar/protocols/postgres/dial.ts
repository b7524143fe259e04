/** Opens a connection to the upstream as its Connection demands, up to where PostgreSQL's own messages begin. */
import { isIP, type Socket } from "node:net";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import type { ConnectionView } from "#core/port/port.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { ALPN_POSTGRESQL, sslRequest } from "#core/wire/postgres/startup.ts";
import { CONNECT_MS_MAX, event, startConnection } from "../connecting.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { readExactly, write } from "./handshake.ts";

/** Where a connection of ours goes. */
export type Way = Pick<UpstreamTarget, "connection" | "lookup">;

export async function dial(
  { connection: { spec }, lookup }: Way,
  signal: AbortSignal,
): Promise<Socket | Refusal> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS_MAX)]);
  const raw = startConnection(spec.address, lookup);
  try {
    await event(raw, "connect", bounded);
    if (spec.tls.mode === "disable") return raw;
    await write(raw, sslRequest());
    const answer = await readExactly(raw, 1, bounded);
    if (answer[0] !== 0x53)
      return rejected(raw, "the upstream does not speak TLS, which its Connection demands");
    // Bytes in the clear behind the S came from somebody in between (CVE-2021-23222).
    if (raw.readableLength > 0) return rejected(raw, "the upstream sent bytes in the clear before TLS began");
  } catch (error) {
    raw.destroy();
    if (signal.aborted) throw error;
    return refusal("UPSTREAM_UNREACHABLE");
  }
  return secure(raw, spec, bounded, signal);
}

function rejected(socket: Socket, why: string): Refusal {
  socket.destroy();
  return refusal("UPSTREAM_UNTRUSTED", why);
}

async function secure(
  raw: Socket,
  spec: ConnectionView["spec"],
  bounded: AbortSignal,
  signal: AbortSignal,
): Promise<Socket | Refusal> {
  const socket = connectTls({ socket: raw, ...tlsOptions(spec) });
  socket.on("error", () => undefined);
  try {
    await event(socket, "secureConnect", bounded);
    return socket;
  } catch (error) {
    socket.destroy();
    raw.destroy();
    if (signal.aborted) throw error;
    return refusal("UPSTREAM_UNTRUSTED", `the upstream could not prove who it is: ${tlsProblem(error)}`);
  }
}

function tlsOptions({ address, tls }: ConnectionView["spec"]): ConnectionOptions {
  const name = tls.serverName ?? address.host;
  return {
    ALPNProtocols: [ALPN_POSTGRESQL],
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
    // Server name indication is for names alone; the check takes addresses too.
    ...(isIP(name) === 0 ? { servername: name } : { host: name }),
    // Trusted is all that verify-ca asks; whose certificate it is does not matter to it.
    ...(tls.mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
}

/** OpenSSL's word for it, which names no host. */
function tlsProblem(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === undefined ? "the TLS handshake failed" : code.toLowerCase().replaceAll("_", " ");
}
