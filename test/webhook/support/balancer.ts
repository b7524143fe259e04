/** What a Service is to an API server: one address, behind which each connection goes to somebody who is ready. */
import { type AddressInfo, type Socket, connect, createServer } from "node:net";
import { once } from "node:events";

export interface Backend {
  readonly port: number;
  isReady(): boolean;
}

export interface Balancer extends AsyncDisposable {
  readonly port: number;
  readonly backends: Set<Backend>;
  /** Ends every connection that is open, as a network does. */
  cut(): void;
}

export async function openBalancer(): Promise<Balancer> {
  const backends = new Set<Backend>();
  const open = new Set<Socket>();
  let turn = 0;
  const server = createServer((client) => {
    const ready = [...backends].filter((each) => each.isReady());
    turn += 1;
    const backend = ready[turn % Math.max(1, ready.length)];
    if (backend === undefined) return void client.destroy();
    const upstream = connect(backend.port, "127.0.0.1");
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    backends,
    cut: () => {
      for (const socket of open) socket.destroy();
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
