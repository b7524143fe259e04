/** A way to the API server that can be broken in each of the ways in which networks break. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { KubeConfig } from "@kubernetes/client-node";

export interface TcpProxy extends AsyncDisposable {
  /** As `config`, by way of the proxy. */
  readonly config: KubeConfig;
  /** Connections that there are forward nothing any more, and stay open: what a forgetful NAT or a frozen node looks like. */
  stall(): void;
  /** Connections that there are end by RST. */
  reset(): void;
  /** Connections that there are end by RST as soon as something more is said on them. */
  resetWhenUsed(): void;
  /** New connections are taken, and reset at once. */
  refuse(isRefusing: boolean): void;
  /** Connections that were made so far. */
  readonly accepted: number;
  readonly open: number;
}

export async function startTcpProxy(config: KubeConfig): Promise<TcpProxy> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error("no cluster");
  const target = new URL(cluster.server);
  const pairs = new Set<readonly [Socket, Socket]>();
  let isRefusing = false;
  let accepted = 0;
  const server = createServer((near) => {
    accepted += 1;
    near.on("error", () => undefined);
    if (isRefusing) {
      near.resetAndDestroy();
      return;
    }
    const far = connect(Number(target.port), target.hostname);
    const pair = [near, far] as const;
    pairs.add(pair);
    far.on("error", () => near.resetAndDestroy());
    near.on("close", () => far.destroy());
    far.on("close", () => {
      pairs.delete(pair);
      near.destroy();
    });
    near.pipe(far);
    far.pipe(near);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    config: redirected(config, `https://127.0.0.1:${port}`),
    stall: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    reset: () => {
      for (const [near] of pairs) near.resetAndDestroy();
    },
    resetWhenUsed: () => {
      for (const [near, far] of pairs) {
        near.unpipe(far);
        near.once("data", () => near.resetAndDestroy()).resume();
      }
    },
    refuse: (refusing) => {
      isRefusing = refusing;
    },
    get accepted() {
      return accepted;
    },
    get open() {
      return pairs.size;
    },
    [Symbol.asyncDispose]: async () => {
      for (const [near, far] of pairs) {
        near.destroy();
        far.destroy();
      }
      await new Promise((closed) => server.close(closed));
    },
  };
}

function redirected(config: KubeConfig, server: string): KubeConfig {
  const copy = new KubeConfig();
  copy.loadFromOptions({
    clusters: config.clusters.map((cluster) => ({ ...cluster, server })),
    users: config.users,
    contexts: config.contexts,
    currentContext: config.currentContext,
  });
  return copy;
}
