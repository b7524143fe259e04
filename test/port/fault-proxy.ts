/** A network that a test can break, between a gateway and the broker: it carries bytes, and knows nothing of what they say. */
import { once } from "node:events";
import { type AddressInfo, type Socket, connect, createServer } from "node:net";

export interface FaultProxy extends AsyncDisposable {
  readonly port: number;
  /** While true, everything is swallowed, both ways, and nobody is told. */
  isPartitioned: boolean;
  /** How long every piece is on its way. */
  delayMs: number;
  /** What becomes of the pieces from the gateway; each gives those that go on in its place. */
  mangle: ((piece: Buffer) => readonly Buffer[]) | undefined;
  /** Connections that have come so far. */
  readonly connections: number;
  /** Ends all of them. */
  cut(): void;
}

export async function faultProxy(upstreamPort: number): Promise<FaultProxy> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(upstreamPort, "127.0.0.1");
    const pass = (to: Socket, piece: Buffer): void => {
      if (proxy.isPartitioned) return;
      if (proxy.delayMs === 0) return void to.write(piece);
      setTimeout(() => to.write(piece), proxy.delayMs);
    };
    near.on("data", (piece: Buffer) => {
      for (const part of proxy.mangle?.(piece) ?? [piece]) pass(far, part);
    });
    far.on("data", (piece: Buffer) => pass(near, piece));
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        open.delete(socket);
        // A network that swallows everything does not tell of an end either.
        if (!proxy.isPartitioned) other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: FaultProxy = {
    port: (server.address() as AddressInfo).port,
    isPartitioned: false,
    delayMs: 0,
    mangle: undefined,
    get connections() {
      return connections;
    },
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return proxy;
}
