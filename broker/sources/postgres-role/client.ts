/** As much of a PostgreSQL client as making and removing roles takes: SCRAM, simple queries, rows as texts. */
import { randomBytes } from "node:crypto";
import { cstring, int32, message } from "#core/wire/postgres/fields.ts";
import { readNoticeOrError, readRowDescription } from "#core/wire/postgres/messages.ts";
import {
  SCRAM_SHA_256,
  type ScramChallenge,
  type ScramProof,
  clientFirst,
  isServerSignature,
  parseServerFinal,
} from "#core/wire/postgres/scram.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { type Channel, ChannelBroken, type Message, type ServerAddress, openChannel } from "./channel.ts";

export interface Login extends ServerAddress {
  readonly user: string;
  readonly database: string;
  /** Undefined when the challenge is not one to answer. */
  readonly prove: (challenge: ScramChallenge) => Promise<ScramProof | undefined>;
}

export type Row = Readonly<Record<string, string | null>>;

export interface Administrator extends Disposable {
  /** `server_version_num` of the server: 150018, 180004. */
  readonly version: number;
  /** One statement, or several as one transaction; the rows are those of the last that returns any. */
  query(sql: string): Promise<readonly Row[]>;
}

/** The server refused. Its words may name roles and databases, and are for logs, not for agents. */
export class ServerRefused extends Error {
  override readonly name = "ServerRefused";
  readonly sqlState: string;
  constructor(sqlState: string, text: string) {
    super(`${text} (SQLSTATE ${sqlState})`);
    this.sqlState = sqlState;
  }
}

/**
 * What agents made in a database must not run with the rights of who tidies up behind them: no schema of theirs is on
 * the path, not even the temporary one before the catalog.
 */
const SETTINGS = {
  client_encoding: "UTF8",
  DateStyle: "ISO",
  search_path: "pg_catalog, pg_temp",
  statement_timeout: "20000",
  lock_timeout: "5000",
  idle_in_transaction_session_timeout: "20000",
  application_name: "sallyport broker",
} as const;

/** The signal ends the connection, whatever it is doing. */
export async function connectAdministrator(login: Login, signal: AbortSignal): Promise<Administrator> {
  const channel = await openChannel(login, signal);
  try {
    channel.send(startupMessage(PROTOCOL_3_0, { user: login.user, database: login.database, ...SETTINGS }));
    await authenticate(channel, login.prove);
    await untilReady(channel);
    const [version] = await query(channel, "SELECT current_setting('server_version_num') AS version");
    return {
      version: Number(version?.["version"]),
      query: (sql) => query(channel, sql),
      [Symbol.dispose]: () => {
        channel.send(message("X"));
        channel[Symbol.dispose]();
      },
    };
  } catch (error) {
    channel[Symbol.dispose]();
    throw error;
  }
}

async function authenticate(channel: Channel, prove: Login["prove"]): Promise<void> {
  let proved: Uint8Array | undefined;
  const first = clientFirst(randomBytes(24), { kind: "unsupported" });
  for (;;) {
    const { body } = await expect(channel, "R");
    switch (body.int32()) {
      case 0:
        // Before this a server that knows our verifier has shown it; one that asks for nothing is believed for its certificate.
        return;
      case 10: {
        if (!mechanismsIn(body.rest()).includes(SCRAM_SHA_256))
          throw new ChannelBroken("the server offers no SCRAM-SHA-256");
        channel.send(
          message("p", cstring(SCRAM_SHA_256), int32(first.message.length), Buffer.from(first.message)),
        );
        break;
      }
      case 11: {
        const serverFirst = body.rest().toString("utf8");
        const challenge = { clientFirstBare: first.bare, serverFirst, channelBinding: first.channelBinding };
        const proof = await prove(challenge);
        if (proof === undefined) throw new ChannelBroken("the server's challenge is not one to answer");
        proved = proof.serverSignature;
        channel.send(message("p", Buffer.from(proof.clientFinal)));
        break;
      }
      case 12: {
        const signature = parseServerFinal(body.rest().toString("utf8"));
        if (signature === undefined || proved === undefined || !isServerSignature(signature, proved)) {
          throw new ChannelBroken("the server does not know the minter's verifier");
        }
        break;
      }
      default:
        throw new ChannelBroken("the server wants the password itself; only SCRAM-SHA-256 is answered");
    }
  }
}

function mechanismsIn(bytes: Buffer): readonly string[] {
  return bytes
    .toString("latin1")
    .split("\0")
    .filter((name) => name !== "");
}

async function untilReady(channel: Channel): Promise<void> {
  while ((await receive(channel)).type !== "Z");
}

async function query(channel: Channel, sql: string): Promise<readonly Row[]> {
  channel.send(message("Q", cstring(sql)));
  let columns: readonly string[] = [];
  let rows: Row[] = [];
  let refused: ServerRefused | undefined;
  for (;;) {
    const { type, body, frame } = await next(channel);
    if (type === "T") {
      columns = readRowDescription(frame, 0, frame.length).map(({ name }) => name);
      rows = [];
    } else if (type === "D") {
      rows.push(rowOf(body, columns));
    } else if (type === "E") {
      refused ??= refusalOf(frame);
    } else if (type === "Z") {
      if (refused !== undefined) throw refused;
      return rows;
    }
  }
}

function rowOf(body: Message["body"], columns: readonly string[]): Row {
  const count = body.int16();
  const values: (readonly [string, string | null])[] = [];
  for (let index = 0; index < count; index += 1) {
    const bytes = body.int32();
    values.push([columns[index] ?? "", bytes < 0 ? null : body.take(bytes).toString("utf8")]);
  }
  return Object.fromEntries(values);
}

async function expect(channel: Channel, type: string): Promise<Message> {
  const received = await receive(channel);
  if (received.type !== type) throw new ChannelBroken("the server does not keep to the protocol");
  return received;
}

/** While signing in an error is the end. */
async function receive(channel: Channel): Promise<Message> {
  const received = await next(channel);
  if (received.type === "E") throw refusalOf(received.frame);
  return received;
}

/** Notices and settings may come at any time and are nobody's business here. */
async function next(channel: Channel): Promise<Message> {
  for (;;) {
    const received = await channel.next();
    if (received.type !== "N" && received.type !== "S" && received.type !== "A") return received;
  }
}

function refusalOf(frame: Buffer): ServerRefused {
  const fields = readNoticeOrError(frame, 0, frame.length);
  const detail = fields.get("D");
  const text = fields.get("M") ?? "unknown";
  return new ServerRefused(fields.get("C") ?? "XX000", detail === undefined ? text : `${text}: ${detail}`);
}
