/**
 * The least that a relay in Node.js can do and still see every message: `node relay-program.ts UPSTREAM_PORT`. It walks over the
 * messages of both directions in pooled buffers and forwards them as they came, and knows no policy, record or mask. Our floor.
 */
import { type Socket, connect, createServer, Socket as NetSocket } from "node:net";

const BUFFER_BYTES = 64 * 1024;
const POOLED_MAX = 64;
const HEADER_BYTES = 5;

const [upstreamPort = ""] = process.argv.slice(2);
const pool: Buffer[] = [];
const take = (): Buffer => pool.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
const give = (buffer: Buffer): void => {
  if (pool.length < POOLED_MAX) pool.push(buffer);
};

/** Counts messages, whatever pieces they come in. */
class Walker {
  messages = 0;
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerBytes: number;
  #left = 0;

  /** A client's first message has a length and no type: it is told as if there were one. */
  constructor(hasStartup: boolean) {
    this.#headerBytes = hasStartup ? 1 : 0;
  }

  walk(bytes: Buffer, end: number): void {
    let from = 0;
    while (from < end) {
      if (this.#headerBytes < HEADER_BYTES) {
        const taken = Math.min(HEADER_BYTES - this.#headerBytes, end - from);
        bytes.copy(this.#header, this.#headerBytes, from, from + taken);
        this.#headerBytes += taken;
        from += taken;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#left = this.#header.readInt32BE(1) - 4;
      }
      const taken = Math.min(this.#left, end - from);
      this.#left -= taken;
      from += taken;
      if (this.#left > 0) return;
      this.#headerBytes = 0;
      this.messages += 1;
    }
  }
}

interface Side {
  socket: Socket | undefined;
}

/** Read into a buffer of the pool, which is free again once the other side has taken it. */
function reading(from: Side, to: Side, walker: Walker) {
  return {
    buffer: take,
    callback: (bytes: number, filled: Buffer): boolean => {
      walker.walk(filled, bytes);
      const hasRoom = to.socket?.write(filled.subarray(0, bytes), () => give(filled)) ?? true;
      if (!hasRoom) to.socket?.once("drain", () => from.socket?.resume());
      return hasRoom;
    },
  };
}

const server = createServer({ pauseOnConnect: true, noDelay: true }, (accepted) => {
  // What listens makes no sockets that read into buffers of ours, so the connection is given to one that does.
  const { _handle: handle } = accepted as unknown as { _handle: unknown };
  const client: Side = { socket: undefined };
  const upstream: Side = { socket: undefined };
  const options = { handle, onread: reading(client, upstream, new Walker(true)), allowHalfOpen: false };
  upstream.socket = connect({
    host: "127.0.0.1",
    port: Number(upstreamPort),
    noDelay: true,
    onread: reading(upstream, client, new Walker(false)),
  });
  upstream.socket.once("connect", () => {
    client.socket = new NetSocket(options as ConstructorParameters<typeof NetSocket>[0]);
    client.socket.on("error", end).on("close", end).resume();
  });
  upstream.socket.on("error", end).on("close", end);

  function end(): void {
    client.socket?.destroy();
    upstream.socket?.destroy();
    if (client.socket === undefined) accepted.destroy();
  }
});

server.listen({ host: "127.0.0.1", port: 0, backlog: 1_024 }, () => {
  const address = server.address();
  if (address !== null && typeof address === "object") process.stdout.write(`listening ${address.port}\n`);
});
