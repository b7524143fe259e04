/** node-postgres: what the server says by itself, cancels, losses, the schema. */
import { setTimeout as pause } from "node:timers/promises";
import pg, { type Client, type Pool, type Query } from "pg";
import { type Features, AUTHORITY, SIDE, ask, attempt, numbers, stateOf } from "./common.ts";
import { type Gate, gate } from "./gate.ts";
import { DRIVER, clear, notes, one, rows, withClient } from "./pg-base.ts";
import { INSERT } from "./pg-asking.ts";

const WORKERS = 6;
const EACH = 40;
const NO_OBJECTS = "it has no interface for them";

export const ending: Features = {
  listen: () =>
    withClient({}, (client) =>
      withClient({}, async (other) => {
        const heard: unknown[] = [];
        const both = new Promise<void>((resolve) => {
          client.on("notification", ({ channel, payload }) => {
            if (heard.push([channel, payload]) === 2) resolve();
          });
        });
        await client.query("listen drivers");
        await other.query("notify drivers, 'one'");
        await other.query("notify drivers, 'two'");
        await both;
        return heard;
      }),
    ),
  "listen-again": async () => {
    const lost = new pg.Client({ ...SIDE, ssl: { ca: AUTHORITY } });
    const failure = new Promise<Error>((resolve) => lost.on("error", resolve));
    await lost.connect();
    await lost.query("listen drivers");
    await ask("end all connections");
    const said = stateOf(await failure);
    return withClient({}, (client) =>
      withClient({}, async (other) => {
        const note = new Promise<unknown>((resolve) =>
          client.on("notification", ({ payload }) => resolve(payload)),
        );
        await client.query("listen drivers");
        await other.query("notify drivers, 'again'");
        return [said, await note];
      }),
    );
  },
  notices: () =>
    withClient({}, async (client) => {
      const said: unknown[] = [];
      client.on("notice", ({ severity, code, message }) => said.push([severity, code, message]));
      await client.query("rollback");
      await client.query("drop table if exists nothing_of_that_name");
      return said;
    }),
  "large-objects": NO_OBJECTS,
  "large-objects-any": NO_OBJECTS,
  cancel: () =>
    withClient({}, async (client) => {
      const asleep = attempt(client.query("select pg_sleep(60)"));
      await pause(500);
      cancel(client);
      return [await asleep, await one(client, "select 4")];
    }),
  "cancel-streaming": () =>
    withClient({}, async (client) => {
      const text = "select g, repeat('z', 200) as z from generate_series(1, 50000000) g";
      const seen = await attempt(cancelledAfter(client, client.query(new pg.Query(text))));
      return [seen, await one(client, "select 4")];
    }),
  "statement-timeout": () =>
    withClient({ statement_timeout: 300 }, async (client) => [
      await attempt(client.query("select pg_sleep(60)")),
      await one(client, "select 4"),
    ]),
  "client-timeout": () =>
    withClient({ query_timeout: 300 }, async (client) => {
      const asleep = await attempt(client.query("select pg_sleep(2)"));
      return [asleep, await attempt(client.query({ text: "select 4" }).then(() => "answered"))];
    }),
  "connection-lost": async () => {
    const seen = await withClient({}, async (client) => {
      await clear(client);
      await client.query("begin");
      await client.query(INSERT, [DRIVER, 1, "lost with its connection"]);
      await ask("end all connections");
      return [await attempt(client.query("select 1")).then(String)];
    });
    return [seen.length, await withClient({}, notes)];
  },
  "reconnect-under-load": async () => {
    await withClient({}, clear);
    const pool = new pg.Pool({ ...SIDE, ssl: { ca: AUTHORITY }, max: WORKERS });
    pool.on("error", () => undefined);
    const states = new Set<string>();
    const gates = [gate(WORKERS), gate(WORKERS), gate(WORKERS)];
    const work = Promise.all(numbers(WORKERS).map((worker) => workAt(pool, worker, gates, states)));
    for (const { full } of gates) {
      await full;
      await ask("end all connections");
    }
    // On a slow machine they may all have been idle each time, and a pool says nothing of those.
    while (states.size === 0) await ask("end all connections");
    await work;
    await pool.end();
    const all = await withClient({}, notes);
    return [all.length, states.size > 0];
  },
  "pool-reset": "it hands a connection on as it is",
  introspection: () =>
    withClient({}, (client) =>
      rows(
        client,
        `select column_name, data_type, is_nullable from information_schema.columns
         where table_name = 'books' order by ordinal_position`,
      ),
    ),
  "orm-relations": "no ORM",
  "orm-schema": "no ORM",
};

/** Its cancel opens a connection of its own, in the clear, as a PostgreSQL server takes it. */
function cancel({ processID, secretKey }: Client): void {
  const other = new pg.Connection({ ssl: false });
  other.connect(SIDE.port, SIDE.host);
  other.on("connect", () => other.cancel(processID, secretKey));
  other.on("error", () => undefined);
}

function cancelledAfter(client: Client, query: Query): Promise<number> {
  return new Promise((resolve, reject) => {
    let seen = 0;
    query.on("row", () => {
      seen += 1;
      if (seen === 5_000) cancel(client);
    });
    query.on("end", () => resolve(seen));
    query.on("error", reject);
  });
}

async function workAt(
  pool: Pool,
  worker: number,
  gates: readonly Gate[],
  states: Set<string>,
): Promise<void> {
  const write = async (n: number): Promise<void> => {
    for (;;) {
      try {
        await pool.query(`${INSERT} on conflict do nothing`, [DRIVER, worker * EACH + n, "once"]);
        return;
      } catch (error) {
        states.add(stateOf(error));
      }
    }
  };
  for (const n of numbers(EACH)) {
    if (n % 10 === 5) gates[(n - 5) / 10]?.enter();
    await write(n);
  }
  while (states.size === 0) await write(0);
}
