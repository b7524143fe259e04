/** A client that says exactly what a test wants it to say, and writes down what it hears. */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { serialize } from "pg-protocol";
import { BACKEND_FRAMES, FrameScanner } from "#core/wire/postgres/frames.ts";
import { readCommandTag, readNoticeOrError } from "#core/wire/postgres/messages.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";

export interface Message {
  readonly type: string;
  readonly bytes: Buffer;
}

export interface WireClient {
  readonly socket: Socket;
  send(...messages: readonly Uint8Array[]): void;
  /** The messages up to and including the next that `isLast` names; all that came when the server hangs up. */
  until(isLast: (message: Message) => boolean): Promise<Message[]>;
  untilReady(): Promise<Message[]>;
  /** Sends and gives back what is heard, in short: `1 2 D C(SELECT 1) Z(I)`. */
  talk(...messages: readonly Uint8Array[]): Promise<string>;
  close(): void;
}

export async function wireClient(
  port: number,
  {
    version = PROTOCOL_3_0,
    parameters = {},
  }: { version?: number; parameters?: Readonly<Record<string, string>> } = {},
): Promise<WireClient> {
  const client = await rawClient(port);
  client.send(startupMessage(version, { user: "agent", ...parameters }));
  await client.untilReady();
  return client;
}

export async function rawClient(port: number): Promise<WireClient> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  return overSocket(socket);
}

export function overSocket(socket: Socket): WireClient {
  const scanner = new FrameScanner(BACKEND_FRAMES);
  const heard: Message[] = [];
  let open: Buffer[] = [];
  let isOver = false;
  let wake: (() => void) | undefined;
  socket.on("error", () => undefined);
  socket.on("close", () => {
    isOver = true;
    wake?.();
  });
  socket.on("data", (chunk: Buffer) => {
    scanner.push(chunk);
    for (let step = scanner.next(); step !== "more"; step = scanner.next()) {
      if (step === "broken") throw new Error(scanner.fault);
      open.push(Buffer.from(scanner.bytes.subarray(scanner.start, scanner.end)));
      if (scanner.missing > 0) continue;
      heard.push({ type: String.fromCharCode(scanner.type), bytes: Buffer.concat(open) });
      open = [];
    }
    wake?.();
  });
  const client: WireClient = {
    socket,
    send: (...messages) => void socket.write(Buffer.concat(messages)),
    async until(isLast) {
      for (;;) {
        const index = heard.findIndex(isLast);
        if (index >= 0) return heard.splice(0, index + 1);
        if (isOver) return heard.splice(0);
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    untilReady: () => client.until(({ type }) => type === "Z"),
    async talk(...messages) {
      client.send(...messages);
      const syncs = Buffer.concat(messages).length === 0 ? 0 : readyCount(messages);
      const parts: Message[] = [];
      for (let count = 0; count < syncs; count += 1) parts.push(...(await client.untilReady()));
      return brief(parts);
    },
    close: () => socket.destroy(),
  };
  return client;
}

/** One ReadyForQuery for each Query, Sync and FunctionCall. */
const readyCount = (messages: readonly Uint8Array[]): number =>
  messages.filter((message) => "QSF".includes(String.fromCharCode(message[0] ?? 0))).length;

export function brief(messages: readonly Message[]): string {
  return messages.map(word).join(" ");
}

function word({ type, bytes }: Message): string {
  if (type === "Z") return `Z(${String.fromCharCode(bytes[5] ?? 0)})`;
  if (type === "E" || type === "N") return `${type}(${readNoticeOrError(bytes, 0, bytes.length).get("C")})`;
  if (type === "C") return `C(${readCommandTag(bytes, 0, bytes.length)})`;
  return type;
}

export function errorOf(messages: readonly Message[]): ReadonlyMap<string, string> {
  const error = messages.find(({ type }) => type === "E");
  return error === undefined ? new Map() : readNoticeOrError(error.bytes, 0, error.bytes.length);
}

/** The values of a DataRow as text; null for NULL. */
export function valuesOf({ bytes }: Message): (string | null)[] {
  const values: (string | null)[] = [];
  let at = 7;
  for (let count = bytes.readInt16BE(5); count > 0; count -= 1) {
    const length = bytes.readInt32BE(at);
    at += 4;
    values.push(length < 0 ? null : bytes.toString("utf8", at, at + length));
    at += Math.max(length, 0);
  }
  return values;
}

export const Q = (text: string): Buffer => serialize.query(text);
export const P = (text: string, name = "", types: number[] = []): Buffer =>
  serialize.parse({ name, text, types });
export const B = (portal = "", statement = "", values: (string | null)[] = [], binary = false): Buffer =>
  serialize.bind({ portal, statement, values, binary });
export const D = (type: "S" | "P", name = ""): Buffer => serialize.describe({ type, name });
export const E = (portal = "", rows = 0): Buffer => serialize.execute({ portal, rows });
export const C = (type: "S" | "P", name = ""): Buffer => serialize.close({ type, name });
export const S: Buffer = serialize.sync();
export const H: Buffer = serialize.flush();
