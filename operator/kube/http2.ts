/**
 * One HTTP/2 connection for all requests and watches. It is asked all the time whether it still lives: a connection whose other
 * end has silently gone would keep every watch deaf until the next bookmark is overdue, and every request until its deadline.
 */
import { once } from "node:events";
import { PassThrough, pipeline } from "node:stream";
import { type ClientHttp2Session, connect, constants, type IncomingHttpHeaders } from "node:http2";
import { connect as connectSocket, type TLSSocket } from "node:tls";
import type { Answer, Headers, PingTiming, Sent, Trust } from "./transport.ts";

export interface Session extends Disposable {
  readonly isOpen: boolean;
  send(sent: Sent, url: URL, headers: Headers, signal: AbortSignal): Promise<Answer>;
  /** Takes no more requests; ends when those under way have. */
  retire(): void;
}

const CONNECT_MS_MAX = 10_000;
const TCP_KEEP_ALIVE_MS = 15_000;
const HTTPS_PORT = 443;
/** A list of thousands of pods shall not wait for a window to open every 64 kB. */
const STREAM_WINDOW_BYTES = 4 * 1024 * 1024;
const CONNECTION_WINDOW_BYTES = 16 * 1024 * 1024;

export async function connectTls(base: URL, trust: Trust): Promise<TLSSocket> {
  const { ca, cert, key, passphrase, servername, rejectUnauthorized } = trust;
  const host = base.hostname.replace(/^\[|\]$/g, "");
  const socket = connectSocket({
    host,
    port: base.port === "" ? HTTPS_PORT : Number(base.port),
    ALPNProtocols: ["h2", "http/1.1"],
    ...definedOf({ ca, cert, key, passphrase, rejectUnauthorized }),
    // An address is no name that could be asked for.
    servername: servername ?? (/^[\d.]+$|:/.test(host) ? "" : host),
  });
  socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
  try {
    await once(socket, "secureConnect", { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

export function openSession(base: URL, socket: TLSSocket, ping: PingTiming): Session {
  const session = connect(base, {
    createConnection: () => socket,
    settings: { enablePush: false, initialWindowSize: STREAM_WINDOW_BYTES },
  });
  session.once("connect", () => session.setLocalWindowSize(CONNECTION_WINDOW_BYTES));
  // Each request under way is told by its own stream.
  session.on("error", () => undefined);
  keepAsking(session, ping);
  return {
    get isOpen() {
      return !session.closed && !session.destroyed;
    },
    send: (sent, url, headers, signal) => send(session, sent, { url, headers, signal }),
    retire: () => session.close(),
    [Symbol.dispose]: () => session.destroy(),
  };
}

function keepAsking(session: ClientHttp2Session, { everyMs, withinMs }: PingTiming): void {
  const ask = (): void => {
    if (session.closed || session.destroyed) return;
    const late = setTimeout(() => {
      // The answer may lie in a buffer that this process was too busy to read: that is looked at before this runs.
      setImmediate(() => {
        if (!isAnswered)
          session.destroy(new Error(`the API server did not answer a ping within ${withinMs} ms`));
      });
    }, withinMs).unref();
    let isAnswered = false;
    session.ping(() => {
      isAnswered = true;
      clearTimeout(late);
    });
  };
  const timer = setInterval(ask, everyMs).unref();
  session.once("close", () => clearInterval(timer));
}

interface Request {
  readonly url: URL;
  readonly headers: Headers;
  readonly signal: AbortSignal;
}

async function send(
  session: ClientHttp2Session,
  { method, body }: Sent,
  { url, headers, signal }: Request,
): Promise<Answer> {
  const stream = session.request(
    { ":method": method, ":path": url.pathname + url.search, ...lowerCased(headers) },
    { endStream: body === undefined, signal },
  );
  const { promise, resolve, reject } = Promise.withResolvers<IncomingHttpHeaders & { ":status"?: number }>();
  stream.once("response", resolve);
  stream.on("error", reject);
  // A stream can also be closed without a word.
  stream.once("close", () => reject(new Error(`the connection ended (${stream.rstCode})`)));
  // Taken over from the first byte on: a stream whose answer comes at once and whole is gone before whoever awaits its head reads it.
  const answer = new PassThrough();
  pipeline(stream, answer, () => undefined);
  if (body !== undefined) stream.end(body);
  const head = await promise;
  return {
    status: head[":status"] ?? 0,
    retryAfter: head["retry-after"],
    body: answer,
    // Node ends the stream of a connection that broke like any other, but for this code.
    isWhole: () => stream.rstCode === constants.NGHTTP2_NO_ERROR,
  };
}

/** What HTTP/2 takes: lower-case names, and none that speak of the connection. */
function lowerCased(headers: Headers): Headers {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}

function definedOf<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}
