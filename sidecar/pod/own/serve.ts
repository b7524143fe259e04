/** `http://sallyport.internal/`: the page, to clients that were captured on their way there. It reads nothing but a path. */
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { Socket } from "node:net";
import { type Page, pageFor } from "./page.ts";
import { textOf } from "./text.ts";

export interface OwnOptions {
  readonly facts: (signal: AbortSignal) => Promise<Parameters<typeof pageFor>[1]>;
  readonly onError: (error: unknown) => void;
}

export interface Own extends Disposable {
  take(client: Socket): void;
}

const CLIENTS_MAX = 16;
/** For a request and its answer. */
const CLIENT_MS_MAX = 5_000;
const HEADER_BYTES_MAX = 8 * 1024;

export function openOwn({ facts, onError }: OwnOptions): Own {
  const clients = new Set<Socket>();
  const server = createServer({ maxHeaderSize: HEADER_BYTES_MAX }, (request, response) => {
    answer(request, response, facts).catch((error: unknown) => {
      response.destroy();
      if (!(error instanceof DOMException)) onError(error);
    });
  });
  return {
    take(client) {
      if (clients.size >= CLIENTS_MAX) return void client.resetAndDestroy();
      clients.add(client);
      const timer = setTimeout(() => client.destroy(), CLIENT_MS_MAX);
      client.on("close", () => {
        clearTimeout(timer);
        clients.delete(client);
      });
      // The server has no port of its own: it is handed its clients.
      server.emit("connection", client);
    },
    [Symbol.dispose]() {
      for (const client of clients) client.destroy();
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  facts: OwnOptions["facts"],
): Promise<void> {
  const isHead = request.method === "HEAD";
  if (request.method !== "GET" && !isHead) return send(response, 405, "text/plain", "GET and HEAD\n", false);
  const { pathname } = new URL(request.url ?? "/", "http://sallyport.internal");
  const page: Page = pageFor(pathname, await facts(AbortSignal.timeout(CLIENT_MS_MAX)));
  const wantsJson = /\bjson\b/.test(request.headers.accept ?? "");
  const body = wantsJson ? `${JSON.stringify(page.content)}\n` : textOf(page.content);
  send(response, page.status, wantsJson ? "application/json" : "text/plain; charset=utf-8", body, isHead);
}

// oxlint-disable-next-line max-params -- one line of HTTP each
function send(response: ServerResponse, status: number, type: string, body: string, isHead: boolean): void {
  response.writeHead(status, {
    "Content-Type": type,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    Connection: "close",
  });
  response.end(isHead ? undefined : body);
}
