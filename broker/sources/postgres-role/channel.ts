/** A socket to a PostgreSQL server as a queue of whole messages; TLS is agreed on before the first. */
import { type Socket, connect as connectPlain, isIP } from "node:net";
import { once } from "node:events";
import { type ConnectionOptions, connect as connectTls } from "node:tls";
import { BodyReader } from "#core/wire/postgres/fields.ts";
import { BACKEND_FRAMES, FrameScanner, HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { ALPN_POSTGRESQL, sslRequest } from "#core/wire/postgres/startup.ts";
import { TLS_FLOOR } from "#runtime/tls-floor.ts";

export interface ServerAddress {
  readonly host: string;
  readonly port: number;
  readonly tls: {
    readonly mode: "verify-full" | "verify-ca" | "disable";
    readonly serverName?: string;
    readonly caPem?: string;
  };
}

export interface Message {
  readonly type: string;
  readonly body: BodyReader;
  /** The whole message, for readers that take it so. */
  readonly frame: Buffer;
}

export interface Channel extends Disposable {
  send(...messages: readonly Uint8Array[]): void;
  /** The next message; throws when the connection ends instead. */
  next(): Promise<Message>;
}

/** The server, or what stands in its place, does not keep to the protocol or went away. */
export class ChannelBroken extends Error {
  override readonly name = "ChannelBroken";
}

/** Answers of a catalog query; nothing that the broker asks returns more. */
const ROW_BYTES_MAX = 1024 * 1024;
const QUEUE_MESSAGES_MAX = 50_000;

export async function openChannel(server: ServerAddress, signal: AbortSignal): Promise<Channel> {
  const plain = connectPlain({ host: server.host, port: server.port, noDelay: true });
  // Errors are told to whoever waits; one that comes when nobody does must not end the process.
  plain.on("error", () => undefined);
  let socket: Socket = plain;
  const stop = (): void => {
    socket.destroy(new ChannelBroken("gave up waiting for the server", { cause: signal.reason }));
  };
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });
  try {
    await once(plain, "connect");
    if (server.tls.mode !== "disable") {
      await agreeOnTls(plain);
      socket = encrypt(plain, server);
      await once(socket, "secureConnect");
    }
    return messagesOf(socket, () => signal.removeEventListener("abort", stop));
  } catch (error) {
    signal.removeEventListener("abort", stop);
    socket.destroy();
    plain.destroy();
    throw error;
  }
}

async function agreeOnTls(plain: Socket): Promise<void> {
  plain.write(sslRequest());
  const answer: readonly unknown[] = await Promise.race([once(plain, "data"), once(plain, "close")]);
  const [bytes] = answer;
  // More than the one byte was put in by somebody who wants it read as if it came through TLS (CVE-2021-23222).
  if (!(bytes instanceof Buffer) || bytes.length !== 1 || bytes[0] !== 0x53) {
    throw new ChannelBroken("the server does not offer TLS");
  }
  plain.pause();
}

function encrypt(plain: Socket, server: ServerAddress): Socket {
  const name = server.tls.serverName ?? server.host;
  const options: ConnectionOptions = {
    socket: plain,
    host: name,
    ...TLS_FLOOR,
    ALPNProtocols: [ALPN_POSTGRESQL],
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(server.tls.caPem === undefined ? {} : { ca: server.tls.caPem }),
    ...(server.tls.mode === "verify-ca" ? { checkServerIdentity: () => undefined } : {}),
  };
  const socket = connectTls(options);
  socket.on("error", () => undefined);
  return socket;
}

function messagesOf(socket: Socket, closed: () => void): Channel {
  const scanner = new FrameScanner(BACKEND_FRAMES);
  scanner.wantWhole("D".charCodeAt(0), ROW_BYTES_MAX);
  const arrived: Message[] = [];
  let ended: Error | undefined;
  let wake: (() => void) | undefined;

  const end = (error: Error): void => {
    ended ??= error;
    socket.destroy();
    wake?.();
  };
  socket.on("data", (chunk: Buffer) => {
    scanner.push(chunk);
    for (let step = scanner.next(); step !== "more"; step = scanner.next()) {
      if (step !== "frame" || arrived.length === QUEUE_MESSAGES_MAX) {
        return end(new ChannelBroken(scanner.fault || "the server sends more than was asked for"));
      }
      const frame = Buffer.from(scanner.bytes.subarray(scanner.start, scanner.end));
      arrived.push({
        type: String.fromCharCode(scanner.type),
        body: new BodyReader(frame, HEADER_BYTES, frame.length),
        frame,
      });
    }
    wake?.();
  });
  socket.on("error", end);
  socket.on("close", () => end(new ChannelBroken("the server closed the connection")));
  socket.resume();
  return {
    send(...messages) {
      for (const message of messages) socket.write(message);
    },
    async next() {
      while (arrived.length === 0) {
        if (ended !== undefined) throw ended;
        const woken = Promise.withResolvers<void>();
        wake = woken.resolve;
        await woken.promise;
      }
      return arrived.shift() as Message;
    },
    [Symbol.dispose]() {
      closed();
      socket.destroy();
    },
  };
}
