/** Two ends of a connection within this process. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { sharing, sharingSocket } from "#sidecar/protocols/shared-reads.ts";

export interface Pair {
  /** The end that shares, however it came to be. */
  readonly ours: Socket;
  readonly peer: Socket;
  /** What the listener made of its end. */
  readonly accepted: Socket;
  readonly server: Server;
}

/** Where it is said what is to be closed in the end, as a test's context does it. */
interface End {
  after(close: () => void): void;
}

/** For several within one test. */
export function closing(): End & AsyncDisposable {
  const all: (() => void)[] = [];
  return {
    after: (close) => all.push(close),
    [Symbol.asyncDispose]: () => {
      for (const close of all) close();
      return Promise.resolve();
    },
  };
}

/** Which end is ours: the one that connects, the one that is accepted and moved, or that one as it is. */
export async function openPair(
  end: End,
  how: "connected" | "accepted" | "as it is" = "connected",
): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: how === "accepted" });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const at = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const arrived = once(server, "connection");
  const from = how === "connected" ? sharingSocket({ allowHalfOpen: true }).connect(at) : connect(at);
  const [[accepted]] = (await Promise.all([arrived, once(from, "connect")])) as [[Socket], unknown];
  const moved = how === "accepted" ? sharing(accepted) : accepted;
  const [ours, peer] = how === "connected" ? [from, accepted] : [moved, from];
  peer.on("error", () => undefined);
  end.after(() => {
    ours.destroy();
    peer.destroy();
    server.close();
  });
  return { ours, peer, accepted, server };
}
