/** What people who run the gateway may see and end, as JSON over HTTP on a unix socket of the broker's user alone. */
import { chmod } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { dirname } from "node:path";
import { listenAlone } from "#runtime/unix-socket.ts";
import { type Note, causeOf } from "../note.ts";
import { type Administered, kill, readKill, sessionsOf, statusOf } from "./administration.ts";
import { ownDirectory } from "./serve.ts";

export interface AdminOptions extends Administered {
  /** Of the socket, in a directory of its own. */
  readonly path: string;
  readonly note: Note;
}

export type AdminServer = AsyncDisposable;

const BODY_BYTES_MAX = 4_096;
const REQUEST_MS_MAX = 5_000;
const CONNECTIONS_MAX = 16;

export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const { path, note } = options;
  await ownDirectory(dirname(path), undefined);
  const server = createServer(
    { headersTimeout: REQUEST_MS_MAX, requestTimeout: REQUEST_MS_MAX },
    (request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        note("port.failed", { operation: "admin", cause: causeOf(error) });
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  await listenAlone(server, path);
  await chmod(path, 0o600);
  server.on("error", (error) => note("port.failed", { operation: "admin", cause: causeOf(error) }));
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

async function answer(
  options: AdminOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  switch (`${request.method} ${request.url}`) {
    case "GET /status":
      return send(response, 200, statusOf(options));
    case "GET /sessions":
      return send(response, 200, { sessions: sessionsOf(options, undefined) });
    case "POST /kill": {
      const wanted = readKill(parse(await readBody(request)));
      if (wanted === undefined) return send(response, 400, { problem: "say {session}, {caller} or {pod}" });
      return send(response, 200, kill(wanted, options, undefined));
    }
    default:
      return send(response, 404, { problem: "there are GET /status, GET /sessions and POST /kill" });
  }
}

/** Undefined is no request to end anything either. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    lengthBytes += piece.length;
    if (lengthBytes > BODY_BYTES_MAX) return "";
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}

function send(response: ServerResponse, status: number, body: object): void {
  const text = `${JSON.stringify(body)}\n`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
