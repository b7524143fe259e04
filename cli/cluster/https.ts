/** One question to one replica, over mutual TLS from end to end, whatever carries the bytes in between. */
import { request } from "node:https";

export interface Trust {
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly ca: string;
  readonly certificatePem: string;
  readonly keyPem: string;
}

export interface Question {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body: object | undefined;
}

const ANSWER_BYTES_MAX = 64 * 1024 * 1024;
const ANSWER_MS_MAX = 15_000;

export async function askHttps(
  { host, port, serverName, ca, certificatePem, keyPem }: Trust,
  { method, path, body }: Question,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: unknown }>();
  const sent = body === undefined ? undefined : JSON.stringify(body);
  const asking = request(
    {
      host,
      port,
      method,
      path,
      servername: serverName,
      ca,
      cert: certificatePem,
      key: keyPem,
      minVersion: "TLSv1.3",
      // Who asks is shown by each handshake.
      agent: false,
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
      headers: sent === undefined ? {} : { "content-type": "application/json" },
    },
    (response) => {
      const pieces: Buffer[] = [];
      let lengthBytes = 0;
      response.on("data", (piece: Buffer) => {
        lengthBytes += piece.length;
        if (lengthBytes > ANSWER_BYTES_MAX) response.destroy(new Error("the broker says too much"));
        pieces.push(piece);
      });
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(pieces).toString("utf8");
        resolve({ status: response.statusCode ?? 0, body: parsed(text) });
      });
    },
  );
  asking.on("error", reject);
  asking.end(sent);
  return promise;
}

/** What is no JSON is no answer of a broker's. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}
