/** The broker port on a unix socket. Who may open the socket's directory may speak: that is the whole authentication. */
import { chmod, chown, lstat, mkdir } from "node:fs/promises";
import { type Server, type Socket, createServer } from "node:net";
import { dirname } from "node:path";
import type { BrokerPort } from "#core/port/port.ts";
import { listenAlone } from "#runtime/unix-socket.ts";
import { type Note, causeOf } from "../note.ts";
import { servePeer } from "./peer.ts";

export interface PortServerOptions {
  /** Of the socket, in a directory of its own; made when absent. */
  readonly path: string;
  /** Makes the port of one connection; `detach` is called when that has ended. */
  readonly attach: () => AttachedPort;
  readonly note: Note;
  /** The group of the data plane's uid, where that is another one: it may then enter the directory. */
  readonly groupId?: number;
}

export interface AttachedPort extends BrokerPort {
  detach(): void;
}

export interface PortServer extends AsyncDisposable {
  readonly path: string;
}

const PEERS_MAX = 64;

export async function servePort(options: PortServerOptions): Promise<PortServer> {
  const { path, groupId } = options;
  await ownDirectory(dirname(path), groupId);
  const peers = new Set<Socket>();
  const server = createServer((socket) => {
    const port = options.attach();
    peers.add(socket);
    servePeer(socket, { port, note: options.note });
    socket.on("close", () => {
      peers.delete(socket);
      port.detach();
    });
  });
  server.maxConnections = PEERS_MAX;
  server.on("drop", () => options.note("port.refused", { cause: `more than ${PEERS_MAX} connections` }));
  await listenAlone(server, path);
  server.on("error", (error) => options.note("port.failed", { cause: causeOf(error) }));
  await chmod(path, groupId === undefined ? 0o600 : 0o660);
  if (groupId !== undefined) await chown(path, -1, groupId);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      const closed = closing(server);
      for (const socket of peers) socket.destroy();
      await closed;
    },
  };
}

/** Refuses a directory that others could have put something into. */
export async function ownDirectory(directory: string, groupId: number | undefined): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const facts = await lstat(directory);
  if (!facts.isDirectory()) throw new Error(`${directory} is no directory`);
  if (facts.uid !== process.getuid?.())
    throw new Error(`${directory} belongs to another user, who could answer in the broker's place`);
  if ((facts.mode & 0o022) !== 0)
    throw new Error(`${directory} can be written by others: its mode must be 0700 or 0750`);
  if (groupId === undefined) {
    if ((facts.mode & 0o077) !== 0) throw new Error(`${directory} is open to others: its mode must be 0700`);
    return;
  }
  await chown(directory, -1, groupId);
  await chmod(directory, 0o750);
}

async function closing(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  await promise;
}
