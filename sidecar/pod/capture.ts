/** Where every connection of the pod's containers arrives, whatever its destination. */
import { type AddressInfo, type Server, type Socket, createServer } from "node:net";
import type { Refusal } from "#core/values/refusal.ts";
import { type Farewell, type Told, converse } from "./converse.ts";
import { type At, type Place, ownPlace } from "./inherited.ts";
import { LOOPBACKS, isWithoutAddress } from "./ports.ts";

export interface CaptureOptions {
  readonly port: number;
  readonly place?: Place;
  /** Where a client goes that has just arrived. */
  readonly route: (client: Socket) => Promise<Route>;
  /** Of clients that were not taken. */
  readonly onFarewell: (farewell: Farewell, why: Refusal | undefined) => void;
  /** More at once than are carried: somebody was let go without a word. */
  readonly onOverload: () => void;
  /** A bug, or a listener that broke. */
  readonly onError: (error: unknown) => void;
  readonly limits?: Limits;
}

export type Route =
  /** The socket is somebody else's. */
  | { readonly kind: "taken" }
  | ({ readonly kind: "refused" } & Told)
  /** Without a word. */
  | { readonly kind: "close" };

interface Limits {
  readonly connectionsMax: number;
  /** For the client to say what it speaks and to be told. */
  readonly clientMsMax: number;
}

export interface Capture extends AsyncDisposable {
  /** Where it listens: what of loopback the pod has. */
  readonly addresses: readonly { readonly host: string; readonly port: number }[];
  readonly openCount: number;
  /** Takes no more, and waits for those that are being refused. */
  drain(): Promise<void>;
  /** Waits for nobody any more. */
  cut(): void;
}

const LIMITS: Limits = { connectionsMax: 512, clientMsMax: 10_000 };

export async function openCapture(options: CaptureOptions): Promise<Capture> {
  const { connectionsMax, clientMsMax } = options.limits ?? LIMITS;
  const running = new Map<Promise<void>, AbortController>();
  /** Of clients that lead nowhere and are still being told, the one that came first first. */
  const leaving = new Set<AbortController>();
  /** False when all who are here may yet be somebody's sessions. */
  const makeRoom = (): boolean => {
    const [oldest] = leaving;
    if (oldest === undefined) return false;
    leaving.delete(oldest);
    oldest.abort();
    return true;
  };
  const take = (client: Socket): void => {
    if (running.size >= connectionsMax) {
      options.onOverload();
      // Else whoever holds connections that lead nowhere would keep the pod's other containers out.
      if (!makeRoom()) return void client.on("error", () => undefined).resetAndDestroy();
    }
    const stop = new AbortController();
    // Cleared with its client: in a flood, timers that nobody needs any more would be what fills the memory.
    const timer = setTimeout(() => stop.abort(), clientMsMax);
    const one = serve(client, options, stop.signal, () => leaving.add(stop)).finally(() => {
      clearTimeout(timer);
      leaving.delete(stop);
      running.delete(one);
    });
    running.set(one, stop);
  };
  const servers: { readonly host: string; readonly server: Server }[] = [];
  for (const host of LOOPBACKS) {
    const server = await listen((options.place ?? ownPlace)(host, options.port), take);
    if (server !== undefined) servers.push({ host, server: server.on("error", options.onError) });
  }
  const drain = async (): Promise<void> => {
    const closed = servers.map(({ server }) => new Promise((resolve) => server.close(resolve)));
    await Promise.all([...closed, ...running.keys()]);
  };
  const cut = (): void => {
    for (const stop of running.values()) stop.abort();
  };
  return {
    addresses: servers.map(({ host, server }) => ({ host, port: (server.address() as AddressInfo).port })),
    get openCount() {
      return running.size;
    },
    drain,
    cut,
    async [Symbol.asyncDispose]() {
      cut();
      await drain();
    },
  };
}

async function serve(
  client: Socket,
  options: CaptureOptions,
  signal: AbortSignal,
  onRefused: () => void,
): Promise<void> {
  try {
    // Between two reads nobody else listens, and an unheard error would end the process.
    client.on("error", () => undefined);
    const route = await options.route(client);
    if (route.kind === "taken") return;
    if (route.kind === "refused") {
      onRefused();
      return options.onFarewell(await converse(client, route, signal), route.why);
    }
    client.resetAndDestroy();
    options.onFarewell({ how: "reset", spoken: "nothing" }, undefined);
  } catch (error) {
    client.destroy();
    options.onError(error);
  }
}

async function listen(at: At, take: (client: Socket) => void): Promise<Server | undefined> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: false }, take);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(at, resolve);
  try {
    await promise;
  } catch (error) {
    if (isWithoutAddress(error)) return undefined;
    throw error;
  }
  server.off("error", reject);
  return server;
}
