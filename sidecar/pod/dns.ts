/** Where the pod's questions to any name server arrive. None leaves the pod. */
import { type Socket as Datagrams, createSocket } from "node:dgram";
import { once } from "node:events";
import { type Server, type Socket, createServer } from "node:net";
import { readSome } from "../protocols/reading.ts";
import { type Place, ownPlace } from "./inherited.ts";
import { LOOPBACKS, isWithoutAddress } from "./ports.ts";

export interface DnsOptions {
  readonly port: number;
  readonly place?: Place;
  /** Undefined where nothing must be said. */
  readonly answer: (query: Buffer, transport: "udp" | "tcp") => Promise<Buffer | undefined>;
  readonly onError: (error: unknown) => void;
}

export interface Dns extends AsyncDisposable {
  readonly hosts: readonly string[];
}

const LENGTH_BYTES = 2;
const CONNECTIONS_MAX = 64;
const QUESTIONS_MAX = 16;
const CLIENT_MS_MAX = 5_000;

export async function openDns(options: DnsOptions): Promise<Dns> {
  const stop = new AbortController();
  const opened: { readonly host: string; readonly udp: Datagrams; readonly tcp: Server }[] = [];
  for (const host of LOOPBACKS) {
    try {
      const udp = await listenUdp(host, options);
      opened.push({ host, udp, tcp: await listenTcp(host, options, stop.signal) });
    } catch (error) {
      if (!isWithoutAddress(error)) throw error;
    }
  }
  return {
    hosts: opened.map(({ host }) => host),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await Promise.all(
        opened.flatMap(({ udp, tcp }) => [
          new Promise<void>((resolve) => udp.close(resolve)),
          new Promise((resolve) => tcp.close(resolve)),
        ]),
      );
    },
  };
}

async function listenUdp(host: string, { port, answer, onError }: DnsOptions): Promise<Datagrams> {
  const isV6 = host.includes(":");
  // The launcher holds the port against everyone but this user, and takes nothing that arrives at it.
  const socket = createSocket({ type: isV6 ? "udp6" : "udp4", ipv6Only: isV6, reusePort: true });
  socket.bind({ address: host, port, exclusive: true });
  try {
    await once(socket, "listening");
  } catch (error) {
    socket.close();
    throw error;
  }
  let isOpen = true;
  socket.on("close", () => (isOpen = false));
  socket.on("error", onError);
  socket.on("message", (question, from) => {
    answer(question, "udp").then((said) => {
      // Nobody waits for an answer that does not get through: whoever asked asks again.
      if (said !== undefined && isOpen) socket.send(said, from.port, from.address, () => undefined);
    }, onError);
  });
  return socket;
}

async function listenTcp(host: string, options: DnsOptions, stop: AbortSignal): Promise<Server> {
  const server = createServer((client) => {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(CLIENT_MS_MAX)]);
    client.on("error", () => undefined);
    answerAll(client, options, signal)
      // Left, reset, silent for too long, or not speaking DNS: there is nobody to tell.
      .catch((error: unknown) => void (isBug(error, signal) && options.onError(error)))
      .finally(() => client.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  server.listen((options.place ?? ownPlace)(host, options.port));
  await once(server, "listening");
  return server.on("error", options.onError);
}

const isBug = (error: unknown, signal: AbortSignal): boolean =>
  !signal.aborted && !(error instanceof Error && "code" in error);

async function answerAll(client: Socket, { answer }: DnsOptions, signal: AbortSignal): Promise<void> {
  for (let count = 0; count < QUESTIONS_MAX; count += 1) {
    const length = await readWhole(client, LENGTH_BYTES, signal);
    const question = length && (await readWhole(client, length.readUInt16BE(0), signal));
    const said = question && (await answer(question, "tcp"));
    if (said === undefined) return;
    const head = Buffer.alloc(LENGTH_BYTES);
    head.writeUInt16BE(said.length);
    client.write(Buffer.concat([head, said]));
  }
}

/** Undefined when the asker ends before. */
async function readWhole(client: Socket, bytes: number, signal: AbortSignal): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  for (let left = bytes; left > 0; ) {
    const part = await readSome(client, signal, left);
    if (part === undefined) return undefined;
    parts.push(part);
    left -= part.length;
  }
  return Buffer.concat(parts);
}
