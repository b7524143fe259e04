/** An opaque relay: who may connect is decided, what is said is passed on as it is, how much it was is put on record. */
import type { Socket } from "node:net";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import { deadline } from "#runtime/deadline.ts";
import { CONNECT_MS_MAX, event, startConnection } from "../connecting.ts";
import type { Greeting, Protocol, Session, UpstreamTarget } from "../protocol.ts";
import { relay } from "./relay.ts";

export function tcpProtocol(): Protocol {
  return {
    name: "tcp",
    // There is nothing to ask the client, and its first bytes may only come when the upstream has spoken.
    greet: (client) => Promise.resolve(greetingOf(client)),
  };
}

function greetingOf(client: Socket): Greeting {
  return {
    evidence: { kind: "ambient" },
    intent: {},
    request: { protocol: "tcp" },
    presentedSecret: undefined,
    refuse: (why) => endWith(client, why),
    welcome: () => undefined,
    connect: (target, signal) => connect(client, target, signal),
  };
}

/** No words are common to all that may be spoken here: whoever is refused finds the connection reset. */
function endWith(client: Socket, _why: Refusal): Promise<void> {
  client.resetAndDestroy();
  return Promise.resolve();
}

async function connect(
  client: Socket,
  { connection, lookup }: UpstreamTarget,
  signal: AbortSignal,
): Promise<Session | Refusal> {
  const upstream = startConnection(connection.spec.address, lookup);
  using bounded = deadline(signal, CONNECT_MS_MAX);
  try {
    await event(upstream, "connect", bounded.signal);
  } catch (error) {
    upstream.destroy();
    if (!signal.aborted) return refusal("UPSTREAM_UNREACHABLE");
    const why: unknown = signal.reason;
    if (typeof why === "object" && why !== null && isRefusal(why)) return why;
    throw error;
  }
  return {
    cancel: () => undefined,
    relay: (tap, stop) => relay({ client, upstream, connection }, tap, stop),
  };
}
