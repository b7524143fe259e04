/**
 * What stands before a TLS listener that every pod can dial: how many connections there may be, how many of one source and how
 * fast, and how many that have not shown yet who they are. Whoever is turned away costs an accept and nothing more.
 */
import { type AddressInfo, type Socket, createServer } from "node:net";
import type { Server } from "node:tls";

export interface GateLimits {
  readonly connectionsMax: number;
  /** In the middle of their handshake. */
  readonly handshakesMax: number;
  readonly ofOneSourceMax: number;
  /** That one source may open at once; then one each `sourceEveryMs`. */
  readonly sourceBurst: number;
  readonly sourceEveryMs: number;
  /** How many times as much is the own machine's, where the API server's port forwarding comes from, and so everybody who uses it. */
  readonly loopbackShare?: number;
}

export type TurnedAway = "connections" | "handshakes" | "source" | "rate";

export interface GateOptions {
  /** Listens nowhere itself. */
  readonly server: Server;
  readonly host: string;
  readonly port: number;
  readonly limits: GateLimits;
  readonly nowMs: () => number;
  readonly onTurnedAway: (why: TurnedAway, source: string) => void;
  readonly onError: (error: unknown) => void;
}

export interface Gate extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  readonly connections: number;
}

/** A gateway has one connection and for a moment two; a pod has one gateway. */
export const PORT_LIMITS: GateLimits = {
  connectionsMax: 8_192,
  handshakesMax: 512,
  ofOneSourceMax: 4,
  sourceBurst: 16,
  sourceEveryMs: 500,
};

interface Source {
  readonly share: number;
  open: number;
  /** Tokens of its bucket, as they were at `atMs`. */
  left: number;
  atMs: number;
}

export async function openGate(options: GateOptions): Promise<Gate> {
  const { server, host, port, limits, nowMs, onTurnedAway, onError } = options;
  const open = new Set<Socket>();
  const handshaking = new Map<string, Socket>();
  const sources = openSources(limits, nowMs);
  const whyNot = (source: Source): TurnedAway | undefined => {
    if (open.size >= limits.connectionsMax) return "connections";
    if (source.open >= limits.ofOneSourceMax * source.share) return "source";
    if (source.left < 1) return "rate";
    return handshaking.size >= limits.handshakesMax ? "handshakes" : undefined;
  };
  const front = createServer((socket) => {
    const address = socket.remoteAddress ?? "";
    const source = sources.of(address);
    const why = whyNot(source);
    if (why !== undefined) {
      socket.destroy();
      return onTurnedAway(why, address);
    }
    const key = endOf(socket);
    open.add(socket);
    handshaking.set(key, socket);
    sources.enter(source);
    socket.on("close", () => {
      open.delete(socket);
      if (handshaking.get(key) === socket) handshaking.delete(key);
      source.open -= 1;
    });
    server.emit("connection", socket);
  });
  server.on("secureConnection", (socket) => handshaking.delete(endOf(socket)));
  await new Promise<void>((listening, failed) => {
    front.once("error", failed);
    front.listen({ host, port }, () => {
      front.off("error", failed);
      listening();
    });
  });
  front.on("error", onError);
  const bound = front.address() as AddressInfo;
  return {
    host: bound.address,
    port: bound.port,
    get connections() {
      return open.size;
    },
    [Symbol.asyncDispose]: async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      front.close(() => resolve());
      for (const socket of open) socket.destroy();
      await promise;
    },
  };
}

function endOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}

/** Beyond it those that have nothing open are forgotten, which gives each of them a full bucket at most. */
const SOURCES_MAX = 16_384;

const LOOPBACK: ReadonlySet<string> = new Set(["127.0.0.1", "::1", "::ffff:127.0.0.1"]);

function openSources({ sourceBurst, sourceEveryMs, loopbackShare = 1 }: GateLimits, nowMs: () => number) {
  const sources = new Map<string, Source>();
  return {
    of(address: string): Source {
      const now = nowMs();
      if (sources.size >= SOURCES_MAX)
        for (const [other, { open }] of sources) if (open === 0) sources.delete(other);
      const share = LOOPBACK.has(address) ? loopbackShare : 1;
      const source = sources.get(address) ?? { share, open: 0, left: sourceBurst * share, atMs: now };
      sources.set(address, source);
      source.left = Math.min(
        sourceBurst * share,
        source.left + ((now - source.atMs) * share) / sourceEveryMs,
      );
      source.atMs = now;
      return source;
    },
    enter(source: Source): void {
      source.open += 1;
      source.left -= 1;
    },
  };
}
