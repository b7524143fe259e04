/** Opens a connection to the upstream as its Connection demands, up to where PostgreSQL's own messages begin. */
import type { Socket } from "node:net";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { deadline } from "#runtime/deadline.ts";
import { ALPN_POSTGRESQL, sslRequest } from "#core/wire/postgres/startup.ts";
import { CONNECT_MS_MAX, event, startConnection } from "../connecting.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { securedUpstream } from "../tls.ts";
import { write } from "../peer.ts";
import { readExactly } from "./handshake.ts";

/** Where a connection of ours goes. */
export type Way = Pick<UpstreamTarget, "connection" | "lookup">;

export async function dial(
  { connection: { spec }, lookup }: Way,
  signal: AbortSignal,
): Promise<Socket | Refusal> {
  using bounded = deadline(signal, CONNECT_MS_MAX);
  const raw = startConnection(spec.address, lookup);
  try {
    await event(raw, "connect", bounded.signal);
    if (spec.tls.mode === "disable") return raw;
    await write(raw, sslRequest());
    const answer = await readExactly(raw, 1, bounded.signal);
    if (answer[0] !== 0x53)
      return rejected(raw, "the upstream does not speak TLS, which its Connection demands");
    // Bytes in the clear behind the S came from somebody in between (CVE-2021-23222).
    if (raw.readableLength > 0) return rejected(raw, "the upstream sent bytes in the clear before TLS began");
  } catch (error) {
    raw.destroy();
    if (signal.aborted) throw error;
    return refusal("UPSTREAM_UNREACHABLE");
  }
  return await securedUpstream(raw, { spec, alpn: ALPN_POSTGRESQL }, bounded.signal, signal);
}

function rejected(socket: Socket, why: string): Refusal {
  socket.destroy();
  return refusal("UPSTREAM_UNTRUSTED", why);
}
