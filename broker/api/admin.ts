/** What people who run the gateway may see and end, as JSON over HTTP on a unix socket of the broker's user alone. */
import { chmod } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { dirname } from "node:path";
import type { Shape } from "#core/port/shapes.ts";
import { peerCredentials } from "#runtime/native/sockets.ts";
import { listenAlone } from "#runtime/unix-socket.ts";
import { type Note, causeOf } from "../note.ts";
import { type Revoking, lift, liftRequest, readAsked, revoke, revokeRequest } from "../revoking/asked.ts";
import { type Administered, kill, readKill, sessionsOf, statusOf } from "./administration.ts";
import { ownDirectory } from "./serve.ts";

export interface AdminOptions extends Administered {
  /** Of the socket, in a directory of its own. */
  readonly path: string;
  readonly revoking: Revoking;
  readonly note: Note;
}

export type AdminServer = AsyncDisposable;

const BODY_BYTES_MAX = 4_096;
/** Claims of a token may be long. */
const SUBJECT_BYTES_MAX = 32_768;
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
      const closed = new Promise((resume) => server.close(resume));
      // After it: whoever came in between would be waited for.
      server.closeAllConnections();
      await closed;
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
    case "GET /revocations":
      return send(response, 200, { revocations: options.revoking.revocations.list() });
    case "POST /kill": {
      const wanted = readKill(parse(await readBody(request)));
      if (wanted === undefined) return send(response, 400, { problem: "say {session}, {caller} or {pod}" });
      return send(response, 200, kill(wanted, options, undefined));
    }
    case "POST /revoke":
      return take(request, response, revokeRequest, (wanted, uid) => revoke(wanted, uid, options.revoking));
    case "POST /lift":
      return take(request, response, liftRequest, (wanted, uid) => lift(wanted, uid, options.revoking));
    default:
      return send(response, 404, {
        problem:
          "there are GET /status, GET /sessions, GET /revocations, POST /kill, POST /revoke and POST /lift",
      });
  }
}

/** What is to be done under somebody's name. An answer in words says why it is not. */
async function take<Wanted extends object>(
  request: IncomingMessage,
  response: ServerResponse,
  shape: Shape<Wanted>,
  act: (wanted: Wanted, uid: number) => Promise<object | string>,
): Promise<void> {
  const wanted = readAsked(shape, parse(await readBody(request, SUBJECT_BYTES_MAX)));
  const uid = peerCredentials(request.socket)?.uid;
  // Without its peer there is nobody to answer either.
  if (uid === undefined) return void response.destroy();
  const answer = typeof wanted === "string" ? wanted : await act(wanted, uid);
  if (typeof answer === "string") return send(response, 400, { problem: answer });
  return send(response, 200, answer);
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

async function readBody(request: IncomingMessage, bytesMax = BODY_BYTES_MAX): Promise<string> {
  const pieces: Buffer[] = [];
  let lengthBytes = 0;
  for await (const piece of request as AsyncIterable<Buffer>) {
    lengthBytes += piece.length;
    if (lengthBytes > bytesMax) return "";
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
