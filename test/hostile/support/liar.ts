/**
 * An upstream that was taken over: a real PostgreSQL whose every message passes through hands that may change, withhold
 * or invent some. What it does not lie about is therefore what a server says.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

export interface Hands {
  readonly socket: Socket;
  /** Sends what `make` gives until the other side hangs up or there is no more; never more than it takes. */
  flood(make: () => Buffer | undefined): Promise<void>;
}

export interface Lie {
  /** Before the session is ready: in the place of what the server says of this type. Undefined: it passes. */
  readonly login?: (type: string, frame: Buffer, hands: Hands) => Buffer | "silence" | undefined;
  /** In the place of an answer to a request that speaks of `asked`, or else of a lie. */
  readonly asked?: string;
  readonly answer?: (hands: Hands, request: Buffer) => void;
}

export interface Liar extends AsyncDisposable {
  readonly port: number;
  lie: Lie;
  /** Connections that the gateway has open. */
  readonly open: number;
}

/** Speaks as the PostgreSQL at that port until it is told to lie. */
export async function startLiar(serverPort: number): Promise<Liar> {
  const sockets = new Set<Socket>();
  let open = 0;
  const listener = createServer({ noDelay: true }, (socket) => {
    open += 1;
    socket.on("close", () => (open -= 1));
    const server = connect(serverPort, "127.0.0.1");
    for (const each of [socket, server]) {
      sockets.add(each);
      each.on("error", () => undefined);
      each.on("close", () => {
        sockets.delete(each);
        socket.destroy();
        server.destroy();
      });
    }
    const hands = handsOf(socket);
    const { login, answer, asked } = liar.lie;
    relayAnswers(server, hands, login);
    socket.on("data", (chunk: Buffer) => {
      const lies = liar.lie.answer ?? answer;
      if (lies !== undefined && chunk.includes(liar.lie.asked ?? asked ?? " lie")) lies(hands, chunk);
      else server.write(chunk);
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const liar: Liar = {
    port: (listener.address() as { port: number }).port,
    lie: {},
    get open() {
      return open;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
  return liar;
}

function handsOf(socket: Socket): Hands {
  return {
    socket,
    async flood(make) {
      for (;;) {
        if (socket.destroyed) return;
        const bytes = manyOf(make);
        if (bytes.length === 0) return;
        if (!socket.write(bytes)) await drained(socket);
      }
    },
  };
}

/** Or gone. */
async function drained(socket: Socket): Promise<void> {
  const either = new AbortController();
  const { signal } = either;
  await Promise.race([once(socket, "drain", { signal }), once(socket, "close", { signal })]).catch(
    () => undefined,
  );
  either.abort();
}

const WRITTEN_BYTES = 32 * 1024;

function manyOf(make: () => Buffer | undefined): Buffer {
  const parts: Buffer[] = [];
  for (let bytes = 0; bytes < WRITTEN_BYTES; ) {
    const part = make();
    if (part === undefined) break;
    parts.push(part);
    bytes += part.length;
  }
  return Buffer.concat(parts);
}

/** Message by message while there is something to lie about, then as it comes. */
function relayAnswers(server: Socket, hands: Hands, login: Lie["login"]): void {
  let held = Buffer.alloc(0);
  let isReady = login === undefined;
  let isSilent = false;
  server.on("data", (chunk: Buffer) => {
    if (isReady) {
      hands.socket.write(chunk);
      return;
    }
    held = Buffer.concat([held, chunk]);
    while (!isSilent && held.length >= 5 && held.length >= 1 + held.readInt32BE(1)) {
      const end = 1 + held.readInt32BE(1);
      const frame = held.subarray(0, end);
      held = held.subarray(end);
      const type = String.fromCharCode(frame[0] ?? 0);
      const said = login?.(type, frame, hands);
      if (said === "silence") isSilent = true;
      else hands.socket.write(said ?? frame);
      if (type === "Z") isReady = true;
    }
    if (isReady && !isSilent) hands.socket.write(held);
  });
}
