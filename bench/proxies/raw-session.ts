/** A PostgreSQL session with as little between the clock and the wire as Node allows. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type Socket, connect } from "node:net";
import { serialize } from "pg-protocol";
import { readAuthentication } from "#core/wire/postgres/messages.ts";
import { clientFirst, scramProof } from "#core/wire/postgres/scram.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";

export interface Login {
  /** This machine, where it is left out. */
  readonly host?: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
  /** For targets that ask for one. */
  readonly password?: string;
}

export interface RawSession {
  readonly socket: Socket;
  /** Sends a simple query and resolves with the bytes of the answer when the server is ready again. */
  ask(query: Buffer): Promise<number>;
  close(): void;
}

const OPENED_AT_ONCE = 40;
const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

export const queryMessage = (sql: string): Buffer => Buffer.from(serialize.query(sql));

export async function openRaw(login: Login): Promise<RawSession> {
  const socket = connect({ host: login.host ?? "127.0.0.1", port: login.port, noDelay: true });
  await once(socket, "connect");
  await signIn(socket, login);
  let tail: Buffer = Buffer.alloc(0);
  let bytes = 0;
  let answered: PromiseWithResolvers<number> | undefined;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    // An error before the end would otherwise be waited for until the end of days.
    tail =
      chunk.length >= READY.length
        ? chunk.subarray(-READY.length)
        : Buffer.concat([tail, chunk]).subarray(-READY.length);
    if (!tail.equals(READY)) return;
    const done = answered;
    answered = undefined;
    done?.resolve(bytes);
  });
  socket.on("close", () => answered?.reject(new Error(`port ${login.port} hung up`)));
  socket.on("error", () => undefined);
  return {
    socket,
    ask(query) {
      answered = Promise.withResolvers<number>();
      bytes = 0;
      socket.write(query);
      return answered.promise;
    },
    close: () => socket.destroy(),
  };
}

/** Many sessions, some at once, as a fleet that starts would come. */
export async function openMany(login: Login, count: number): Promise<RawSession[]> {
  const opened: RawSession[] = [];
  let left = count;
  const opener = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      opened.push(await openRaw(login));
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, opener));
  return opened;
}

async function signIn(socket: Socket, { user, database, password = "" }: Login): Promise<void> {
  socket.write(startupMessage(PROTOCOL_3_0, { user, database }));
  const first = clientFirst(randomBytes(18), { kind: "unsupported" });
  let heard: Buffer = Buffer.alloc(0);
  for await (const [chunk] of chunksOf(socket)) {
    heard = Buffer.concat([heard, chunk]);
    for (let frame = frameAt(heard); frame !== undefined; frame = frameAt(heard)) {
      heard = heard.subarray(frame.length);
      const type = String.fromCharCode(frame[0] ?? 0);
      if (type === "E") throw new Error(`not let in: ${frame.toString("latin1", 5)}`);
      if (type === "Z") return;
      if (type === "R") answer(frame);
    }
  }

  function answer(frame: Buffer): void {
    const { kind, data } = readAuthentication(frame, 0, frame.length);
    if (kind === 10) socket.write(serialize.sendSASLInitialResponseMessage("SCRAM-SHA-256", first.message));
    if (kind !== 11) return;
    const challenge = {
      clientFirstBare: first.bare,
      serverFirst: data.toString("utf8"),
      channelBinding: first.channelBinding,
    };
    const proof = scramProof(challenge, Buffer.from(password));
    if (proof === undefined) throw new Error("the challenge is none to answer");
    socket.write(serialize.sendSCRAMClientFinalMessage(proof.clientFinal));
  }
}

/** Nothing may be lost between sign-in and the first query, so one listener at a time and no stream reader. */
async function* chunksOf(socket: Socket): AsyncGenerator<[Buffer]> {
  for (;;) yield (await once(socket, "data")) as [Buffer];
}

function frameAt(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 5) return undefined;
  const length = 1 + bytes.readInt32BE(1);
  return bytes.length < length ? undefined : bytes.subarray(0, length);
}
