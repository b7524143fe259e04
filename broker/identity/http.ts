/** The one way in which identity code reaches the network: a bounded GET that follows no redirect. */
import { type IncomingMessage, type RequestOptions, get as getPlain } from "node:http";
import { get as getTls } from "node:https";

export interface HttpRequest {
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  /** PEM; absent: the system's roots. */
  readonly caPem?: string;
  readonly bodyBytesMax: number;
  readonly timeoutMs: number;
}

/** The body of a 200; everything else is thrown as an `HttpFailed`. Injected, so that tests can count and fail it. */
export type HttpGet = (request: HttpRequest) => Promise<Uint8Array>;

/** Holds no header and no body, so it may be logged. */
export class HttpFailed extends Error {
  override readonly name = "HttpFailed";
}

export const httpGet: HttpGet = async (request) => {
  const { url, bodyBytesMax, timeoutMs } = request;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await send(request, signal);
    if (response.statusCode !== 200) {
      response.destroy();
      throw new HttpFailed(`${place(url)} answered with status ${response.statusCode}`);
    }
    return await readBody(response, bodyBytesMax);
  } catch (cause) {
    if (cause instanceof HttpFailed) throw cause;
    const why = signal.aborted ? `no answer within ${timeoutMs} ms` : (cause as Error).message;
    throw new HttpFailed(`${place(url)}: ${why}`, { cause });
  }
};

/** `http` is for issuers on this machine: anybody between us and another could sign for them. */
export function isFetchable(url: URL): boolean {
  if (url.username !== "" || url.password !== "") return false;
  return url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url));
}

export function isLoopback({ hostname }: URL): boolean {
  return hostname === "localhost" || hostname === "[::1]" || hostname === "127.0.0.1";
}

/** Without query: GitHub's request URL carries what only its job should know. */
function place(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

function send({ url, headers, caPem }: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  if (!isFetchable(url)) throw new HttpFailed(`${place(url)} is neither https nor on this machine`);
  const options: RequestOptions = {
    // A connection of its own: there are two requests in ten minutes, and none should meet a half-closed socket.
    agent: false,
    headers: { accept: "application/json", "accept-encoding": "identity", ...headers },
    signal,
  };
  return new Promise((resolve, reject) => {
    const request =
      url.protocol === "https:"
        ? getTls(url, { ...options, minVersion: "TLSv1.2", ...(caPem === undefined ? {} : { ca: caPem }) })
        : getPlain(url, options);
    request.once("error", reject).once("response", resolve);
  });
}

async function readBody(response: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the answer has more than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
