/** node-postgres, unchanged. */
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import pg, { type Client, type QueryResult } from "pg";
import { say, variable } from "./say.ts";

const DRIVER = "node-postgres";
const READ =
  "select id, name, balance, joined, born, active, profile, raw, tags from people where id between $1 and $2 order by id";

const settings = {
  host: variable("PGHOST"),
  port: Number(variable("PGPORT")),
  user: variable("PGUSER"),
  database: variable("PGDATABASE"),
  password: variable("PGPASSWORD"),
  ssl: { ca: readFileSync(variable("PGSSLROOTCERT"), "utf8") },
};

async function main(): Promise<void> {
  const client = new pg.Client(settings);
  await client.connect();
  await client.query("set timezone to 'UTC'");
  await client.query("delete from notes where driver = $1", [DRIVER]);
  say("read", rowsOf(await client.query(READ, [5, 8])));
  say("read in binary", rowsOf(await client.query({ text: READ, values: [5, 8], binary: true })));
  await transactions(client);
  await prepared(client);
  say("several statements", severalOf(await client.query("select 1 as a; select 2 as b")));
  await cancelled(client);
  say("mask", rowsOf(await client.query("select id, email from people where id <= 3 order by id")));
  await refused(client);
  await client.end();
}

async function transactions(client: Client): Promise<void> {
  await client.query("begin");
  await client.query("insert into notes values ($1, 1, 'kept')", [DRIVER]);
  await client.query("commit");
  await client.query("begin");
  await client.query("insert into notes values ($1, 2, 'lost')", [DRIVER]);
  say("error in a transaction", await stateOf(client.query("select 1 / 0")));
  say("aborted transaction", await stateOf(client.query("select 1")));
  await client.query("rollback");
  say("transactions", rowsOf(await client.query("select n, body from notes where driver = $1", [DRIVER])));
}

async function prepared(client: Client): Promise<void> {
  const names: unknown[] = [];
  for (let id = 1; id <= 8; id += 1) {
    const [row] = rowsOf(
      await client.query({ name: "by-id", text: "select name from people where id = $1", values: [id] }),
    );
    names.push(row?.["name"]);
  }
  say("prepared", names);
}

/** Its cancel opens a connection of its own, in the clear, as a PostgreSQL server takes it. */
async function cancelled(client: Client): Promise<void> {
  const { processID, secretKey } = client;
  const asleep = stateOf(client.query("select pg_sleep(60)"));
  await pause(500);
  const other = new pg.Connection({ ssl: false });
  other.connect(settings.port, settings.host);
  other.on("connect", () => other.cancel(processID, secretKey));
  other.on("error", (error: Error) => say("cancel connection", error.message));
  say("cancel", await asleep);
  say("after the cancel", rowsOf(await client.query("select 4 as four")));
}

async function refused(client: Client): Promise<void> {
  say("refused", await stateOf(client.query("select value from secrets")));
  await client.query("begin");
  await client.query("insert into notes values ($1, 800, 'lost with the refusal')", [DRIVER]);
  say(
    "refused in a transaction",
    await stateOf(client.query("select value from secrets where id = $1", [1])),
  );
  say("behind a refusal in a transaction", await stateOf(client.query("select 1")));
  await client.query("commit");
  const after = "select count(*) from notes where driver = $1 and n = 800";
  say("after the refusals", rowsOf(await client.query(after, [DRIVER])));
}

async function stateOf(query: Promise<unknown>): Promise<string> {
  try {
    await query;
    return "passed";
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

function rowsOf(result: QueryResult | QueryResult[]): QueryResult["rows"] {
  return Array.isArray(result) ? [] : result.rows;
}

function severalOf(results: QueryResult | QueryResult[]): unknown {
  return Array.isArray(results) ? results.map(({ rows }) => rows) : results.rows;
}

await main();
