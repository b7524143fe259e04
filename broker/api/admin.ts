/** What people who run the gateway may see and end, as JSON over HTTP on a unix socket of the broker's user alone. */
import { chmod } from "node:fs/promises";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import { dirname } from "node:path";
import type { SessionReport } from "#core/port/port.ts";
import { refusal } from "#core/values/refusal.ts";
import { listenAlone } from "#runtime/unix-socket.ts";
import type { Broker, BrokerStatus } from "../broker.ts";
import { type Note, causeOf } from "../note.ts";
import type { Trail } from "../trail/trail.ts";
import { ownDirectory } from "./serve.ts";

export interface AdminOptions {
  /** Of the socket, in a directory of its own. */
  readonly path: string;
  readonly broker: Pick<Broker, "status" | "revoke">;
  readonly trail: Pick<Trail, "health">;
  /** What is wrong and may be mended while it runs, one thing a line. */
  readonly missing: () => readonly string[];
  readonly note: Note;
}

export type AdminServer = AsyncDisposable;

export interface AdminStatus extends Omit<BrokerStatus, "workers" | "problems"> {
  readonly missing: readonly string[];
  readonly trail: Trail["health"];
  readonly workers: readonly {
    readonly worker: string;
    readonly isAttached: boolean;
    readonly appliedVersion: string | undefined;
    readonly sessions: number;
  }[];
}
export interface AdminSessions {
  readonly sessions: readonly (SessionReport & { readonly worker: string })[];
}
/** Exactly one: the session's id, or what `sessions` shows as its caller. */
export type KillRequest = { readonly session: string } | { readonly caller: string };
export interface Killed {
  readonly killed: readonly string[];
}

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
      return send(response, 200, { sessions: sessionsOf(options) });
    case "POST /kill": {
      const wanted = readKill(await readBody(request));
      if (wanted === undefined) return send(response, 400, { problem: "say {session} or {caller}" });
      return send(response, 200, kill(wanted, options));
    }
    default:
      return send(response, 404, { problem: "there are GET /status, GET /sessions and POST /kill" });
  }
}

function statusOf({ broker, trail, missing }: AdminOptions): AdminStatus {
  const { planVersion, leases, workers: all } = broker.status();
  const workers = all.map(({ worker, isAttached, appliedVersion, report }) => {
    return { worker, isAttached, appliedVersion, sessions: report?.sessions.length ?? 0 };
  });
  return { planVersion, leases, missing: missing(), trail: trail.health, workers };
}

function sessionsOf({ broker }: Pick<AdminOptions, "broker">): AdminSessions["sessions"] {
  return broker
    .status()
    .workers.filter(({ isAttached }) => isAttached)
    .flatMap(({ worker, report }) => (report?.sessions ?? []).map((session) => ({ ...session, worker })));
}

function kill(wanted: KillRequest, { broker }: AdminOptions): Killed {
  const ids =
    "session" in wanted
      ? [wanted.session]
      : sessionsOf({ broker }).flatMap(({ session, caller }) => (caller === wanted.caller ? [session] : []));
  const why = refusal("REVOKED", "an administrator ended this session");
  return { killed: ids.filter((session) => broker.revoke(session, why)) };
}

function readKill(text: string): KillRequest | undefined {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  if (typeof body !== "object" || body === null || Object.keys(body).length !== 1) return undefined;
  if ("session" in body && typeof body.session === "string") return { session: body.session };
  if ("caller" in body && typeof body.caller === "string") return { caller: body.caller };
  return undefined;
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
