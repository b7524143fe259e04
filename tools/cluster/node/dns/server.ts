/** Answers over UDP, and over TCP what does not fit there. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type Socket, createServer } from "node:net";
import { type Answer, type Question, answerBytes, parseQuestion } from "./message.ts";

const UDP_BYTES_MAX = 512;
const TCP_BYTES_MAX = 65_535;
const QUESTION_BYTES_MAX = 1_024;
const QUESTIONS_MAX = 256;
const CONNECTIONS_MAX = 64;
const IDLE_MS_MAX = 10_000;

export type Resolver = (question: Question) => Promise<Answer>;

export interface DnsOptions {
  readonly address: string;
  readonly port: number;
  /** Told why a question was answered with a failure. */
  readonly say: (line: string) => void;
}

const PORT_ATTEMPTS_MAX = 20;

export async function serveDns(
  { address, port, say }: DnsOptions,
  resolver: Resolver,
): Promise<AsyncDisposable & { readonly port: number }> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await serveAt(address, port, careful(resolver, say));
    } catch (error) {
      // Of the ports that are free for UDP, some are taken for TCP.
      const isTaken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
      if (port !== 0 || !isTaken || attempt === PORT_ATTEMPTS_MAX) throw error;
    }
}

async function serveAt(
  address: string,
  port: number,
  answer: Reply,
): Promise<AsyncDisposable & { readonly port: number }> {
  await using opened = new AsyncDisposableStack();
  const udp = createSocket("udp4");
  opened.defer(() => new Promise<void>((closed) => void udp.close(closed)));
  let asked = 0;
  udp.on("message", (message, from) => {
    // Whoever asks more than that at a time asks again.
    if (asked >= QUESTIONS_MAX) return;
    asked += 1;
    void answer(message, UDP_BYTES_MAX).then((bytes) => {
      asked -= 1;
      if (bytes !== undefined) udp.send(bytes, from.port, from.address, () => undefined);
    });
  });
  udp.bind(port, address);
  await once(udp, "listening");
  const { port: bound } = udp.address();
  const tcp = createServer((socket) => converse(socket, answer));
  tcp.maxConnections = CONNECTIONS_MAX;
  tcp.listen(bound, address);
  await once(tcp, "listening");
  opened.defer(() => new Promise<void>((closed) => void tcp.close(() => closed())));
  const owned = opened.move();
  return { port: bound, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

type Reply = (message: Buffer, bytesMax: number) => Promise<Buffer | undefined>;

function careful(resolver: Resolver, say: (line: string) => void): Reply {
  return async (message, bytesMax) => {
    const question = parseQuestion(message);
    if (question === undefined) return undefined;
    const failed: Answer = { code: "failed", records: [] };
    const found = await resolver(question).catch((error: Error) => {
      say(`${question.name}: ${error.message}`);
      return failed;
    });
    return answerBytes(question, found, bytesMax);
  };
}

/** Each message after two bytes of its length (RFC 1035, section 4.2.2), one after the other. */
function converse(socket: Socket, answer: Reply): void {
  socket.setTimeout(IDLE_MS_MAX, () => socket.destroy());
  socket.on("error", () => socket.destroy());
  void (async () => {
    let rest = Buffer.alloc(0);
    for await (const piece of socket) {
      rest = Buffer.concat([rest, piece as Buffer]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const bytes = rest.readUInt16BE(0);
        const reply = await answer(rest.subarray(2, 2 + bytes), TCP_BYTES_MAX);
        rest = rest.subarray(2 + bytes);
        if (reply === undefined) return void socket.destroy();
        socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 0xff), reply]));
      }
      if (rest.length > QUESTION_BYTES_MAX) return void socket.destroy();
    }
  })().catch(() => socket.destroy());
}
