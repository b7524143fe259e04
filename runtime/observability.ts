/** `/livez`, `/startz`, `/readyz` and `/metrics` on a listener of their own, so that probing never competes with traffic. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ObservabilityOptions {
  readonly host: string;
  readonly port: number;
  /** Of a listener that is open already, in place of both. */
  readonly fd?: number | undefined;
  /** Undefined when ready; otherwise what is missing, one thing a line. */
  readonly notReady: () => readonly string[];
  /** Left out: whoever answers has started. */
  readonly hasStarted?: () => boolean;
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  readonly onError: (error: unknown) => void;
}

export interface Observability extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
}

const HEADERS_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 64;

export async function serveObservability(options: ObservabilityOptions): Promise<Observability> {
  const server = createServer(
    { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: HEADERS_TIMEOUT_MS },
    (request, response) => {
      answer(options, request, response).catch((error: unknown) => {
        options.onError(error);
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  const { host, port: wanted, fd } = options;
  server.listen(fd === undefined ? { host, port: wanted } : { fd }, resolve);
  await promise;
  server.off("error", reject);
  server.on("error", options.onError);
  const { address, port } = server.address() as AddressInfo;
  return {
    host: address,
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resume) => server.close(resume));
      // After it: whoever came in between would be waited for.
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  options: ObservabilityOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD")
    return send(response, 405, "text/plain", "GET only\n");
  switch (request.url) {
    case "/livez":
      return send(response, 200, "text/plain", "ok\n");
    case "/startz":
      return options.hasStarted?.() === false
        ? send(response, 503, "text/plain", "starting\n")
        : send(response, 200, "text/plain", "ok\n");
    case "/readyz": {
      const missing = options.notReady();
      if (missing.length === 0) return send(response, 200, "text/plain", "ok\n");
      return send(response, 503, "text/plain", `${missing.join("\n")}\n`);
    }
    case "/metrics": {
      const { contentType, text } = await options.metrics();
      return send(response, 200, contentType, text);
    }
    default:
      return send(response, 404, "text/plain", "try /livez, /startz, /readyz or /metrics\n");
  }
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
  response.end(text);
}
