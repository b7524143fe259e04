/** Agents that work on whatever happens to the gateway, and remember what they were told. */
import { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import pg, { type Client } from "pg";
import { DATABASE } from "#test/e2e/world.ts";

export type ListenerName = "minted" | "static";

export interface Load extends AsyncDisposable {
  /** Tags of rows that were said to be inserted, and of statements that were said to be refused. */
  readonly carriedOut: ReadonlySet<string>;
  readonly refused: ReadonlySet<string>;
  /** How sessions ended, or were turned away, that were not to: how often. */
  readonly ends: ReadonlyMap<string, number>;
  /** Resolves when every agent has closed its session in peace. */
  stop(): Promise<void>;
}

export type PortOf = (name: ListenerName) => Promise<number>;

const STATEMENTS_A_SESSION = 12;
const RETRY_MS = 20;
const AGENTS: readonly ListenerName[] = ["minted", "static", "minted", "static"];

export function startLoad(portOf: PortOf): Load {
  const carriedOut = new Set<string>();
  const refused = new Set<string>();
  const ends = new Map<string, number>();
  const stopping = new AbortController();
  let lastTag = 0;

  /** Writes, refusals and reads, until the session is lost or has lasted long enough. */
  async function work(client: AgentSession): Promise<void> {
    for (let count = 0; !stopping.signal.aborted && count < STATEMENTS_A_SESSION; count += 1) {
      lastTag += 1;
      const tag = `load-${lastTag}`;
      if (count % 3 === 0) await client.query("select id, email from items where id < 20");
      else if (count % 3 === 1) {
        await client.query(insertOf(tag));
        carriedOut.add(tag);
      } else {
        const why = await client.query(deleteOf(tag)).then(
          () => new Error("it was not refused"),
          (error: unknown) => error,
        );
        if (codeOf(why) !== "DENY_NO_RULE") throw why;
        refused.add(tag);
      }
    }
  }

  async function agent(name: ListenerName): Promise<void> {
    while (!stopping.signal.aborted) {
      let client: AgentSession | undefined;
      try {
        client = await openSession(await portOf(name));
        try {
          await work(client);
        } finally {
          await client.end();
        }
      } catch (error) {
        const how = `${name}: ${codeOf(client?.faults[0] ?? error)}`;
        ends.set(how, (ends.get(how) ?? 0) + 1);
        await pause(RETRY_MS);
      }
    }
  }

  const agents = AGENTS.map(agent);
  const stop = async (): Promise<void> => {
    stopping.abort();
    await Promise.all(agents);
  };
  return { carriedOut, refused, ends, stop, [Symbol.asyncDispose]: stop };
}

export function insertOf(tag: string): string {
  return `insert into notes values ('${tag}')`;
}

/** Which no policy permits. */
export function deleteOf(tag: string): string {
  return `delete from notes where tag = '${tag}'`;
}

export interface AgentSession extends Pick<Client, "query" | "end"> {
  /** Ours, by which the other side knows the connection. */
  readonly localPort: number;
  /** What the driver said of the connection while nothing was asked. */
  readonly faults: readonly Error[];
  /** Resolves when the connection is closed, whoever closed it. */
  readonly closed: Promise<void>;
}

export async function openSession(port: number): Promise<AgentSession> {
  const stream = new Socket();
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  const client = new pg.Client({ host: "127.0.0.1", port, user: "agent", database: DATABASE, stream });
  const faults: Error[] = [];
  client.on("error", (error) => void faults.push(error));
  await client.connect();
  const { localPort = 0 } = stream;
  return Object.assign(client, { localPort, closed, faults });
}

/** Of a refusal its code; of an error of the server its SQLSTATE; of a lost connection what the system says. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code, detail } = error as Error & { readonly code?: string; readonly detail?: string };
  const [, refusalCode] = /^Refused by the gateway: ([A-Z_]+)/.exec(detail ?? "") ?? [];
  return refusalCode ?? code ?? error.message;
}
