/** The session's one connection to the API server, kept from request to request and opened anew when it has gone. */
import type { Socket } from "node:net";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { CONNECT_MS_MAX, event, startConnection } from "../connecting.ts";
import type { UpstreamTarget } from "../protocol.ts";
import { securedUpstream } from "../tls.ts";
import { ALPN_HTTP } from "./alpn.ts";
import { Inbound } from "./inbound.ts";

export interface Opened {
  readonly inbound: Inbound;
  /** It has carried a request before, and may have been closed in the moment of this one. */
  readonly isUsed: boolean;
}

export interface Upstream extends Disposable {
  readonly authority: string;
  take(signal: AbortSignal): Promise<Opened | Refusal>;
  /** After an answer that was read to its end. */
  giveBack(inbound: Inbound): void;
}

export function openUpstream(target: Pick<UpstreamTarget, "connection" | "lookup">): Upstream {
  const { host, port } = target.connection.spec.address;
  let idle: { readonly inbound: Inbound; readonly stop: AbortController } | undefined;
  const all = new Set<Socket>();

  return {
    authority: host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`,
    async take(signal) {
      const kept = idle;
      idle = undefined;
      kept?.stop.abort(new Error("it is needed"));
      if (kept !== undefined && isUsable(kept.inbound)) return { inbound: kept.inbound, isUsed: true };
      kept?.inbound.socket.destroy();
      const socket = await dial(target, signal);
      if (isRefusal(socket)) return socket;
      all.add(socket);
      socket.once("close", () => all.delete(socket));
      return { inbound: new Inbound(socket), isUsed: false };
    },
    giveBack(inbound) {
      const stop = new AbortController();
      const mine = { inbound, stop };
      idle = mine;
      // An API server that closes what is idle is noticed, and so is one that speaks without being asked.
      const gone = (): void => {
        if (idle !== mine) return;
        idle = undefined;
        inbound.socket.destroy();
      };
      inbound.ended(stop.signal).then(gone, gone);
    },
    [Symbol.dispose]() {
      idle?.stop.abort(new Error("the session has ended"));
      for (const socket of all) socket.destroy();
    },
  };
}

function isUsable({ socket, hasMore }: Inbound): boolean {
  return !socket.destroyed && !socket.readableEnded && !hasMore && socket.readableLength === 0;
}

async function dial(
  { connection: { spec }, lookup }: Pick<UpstreamTarget, "connection" | "lookup">,
  signal: AbortSignal,
): Promise<Socket | Refusal> {
  const bounded = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_MS_MAX)]);
  const raw = startConnection(spec.address, lookup);
  try {
    await event(raw, "connect", bounded);
  } catch (error) {
    raw.destroy();
    if (signal.aborted) throw error;
    return refusal("UPSTREAM_UNREACHABLE");
  }
  return securedUpstream(raw, { spec, alpn: ALPN_HTTP }, bounded, signal);
}
