/** postgres.js: what the server says by itself, large objects, cancels, losses. */
import { setTimeout as pause } from "node:timers/promises";
import type { Sql } from "postgres";
import { type Features, ask, attempt, numbers, port } from "./common.ts";
import { type Gate, gate } from "./gate.ts";
import { DRIVER, clear, made, notes, one, values, withSql } from "./postgres-js-base.ts";
import { insert } from "./postgres-js-asking.ts";

const WORKERS = 6;
const EACH = 40;
const STATEMENT_MS_MAX = 5_000;

export const ending: Features = {
  listen: () =>
    withSql({ max: 2 }, async (sql) => {
      const heard: string[] = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      await sql.listen("drivers", (payload) => {
        if (heard.push(payload) === 2) resolve();
      });
      // Its own way is the function, which takes the text as a value.
      await sql`notify drivers, 'one'`;
      await sql`notify drivers, 'two'`;
      await promise;
      return heard;
    }),
  "listen-again": () =>
    // It listens again by itself.
    withSql({ max: 2 }, async (sql) => {
      let heard: (payload: string) => void = () => undefined;
      let again = (): void => undefined;
      const listening = new Promise<void>((resolve) => {
        let times = 0;
        again = () => {
          times += 1;
          if (times === 2) resolve();
        };
      });
      const note = new Promise<string>((resolve) => {
        heard = resolve;
      });
      await sql.listen(
        "drivers",
        (payload) => heard(payload),
        () => again(),
      );
      await ask("end all connections");
      await listening;
      while ((await attempt(sql`notify drivers, 'again'`)) === "57P01");
      return await note;
    }),
  notices: async () => {
    const said: unknown[] = [];
    await withSql(
      { onnotice: ({ severity, code, message }) => said.push([severity, code, message]) },
      async (sql) => {
        await sql.unsafe("rollback");
        await sql`drop table if exists nothing_of_that_name`;
      },
    );
    return said;
  },
  "large-objects": () => withSql({ max: 2 }, largeObject),
  "large-objects-any": () => withSql({ max: 2, port: port("ANY") }, largeObject),
  cancel: () =>
    withSql({}, async (sql) => {
      const asleep = sql`select pg_sleep(60)`;
      const state = attempt(asleep);
      await pause(500);
      asleep.cancel();
      return [await state, await one(sql`select 4 as n`)];
    }),
  "cancel-streaming": () =>
    withSql({}, async (sql) => {
      const rows = sql`select g, repeat('z', 200) as z from generate_series(1, 50000000) g`;
      let seen = 0;
      const state = attempt(
        rows.forEach(() => {
          seen += 1;
          if (seen === 5_000) rows.cancel();
        }),
      );
      return [await state, await one(sql`select 4 as n`)];
    }),
  "statement-timeout": () =>
    withSql({ connection: { statement_timeout: 300 } }, async (sql) => [
      await attempt(sql`select pg_sleep(60)`),
      await one(sql`select 4 as n`),
    ]),
  "client-timeout": "it leaves it to the server",
  "connection-lost": async () => {
    const state = await withSql({}, async (sql) => {
      await clear(sql);
      const lost = sql.begin(async (tx) => {
        await insert(tx, 1, "lost with its connection");
        await ask("end all connections");
        await tx`select 1`;
      });
      return await attempt(lost);
    });
    return [["57P01", "CONNECTION_CLOSED"].includes(String(state)), await withSql({}, notes)];
  },
  "reconnect-under-load": async () => {
    await withSql({}, clear);
    const gates = [gate(WORKERS), gate(WORKERS), gate(WORKERS)];
    const work = Promise.all(numbers(WORKERS).map((worker) => workAt(worker, gates)));
    for (const { full } of gates) {
      await full;
      await ask("end all connections");
    }
    await work;
    return (await withSql({}, notes)).length;
  },
  "pool-reset": "it hands a connection on as it is",
  introspection: () =>
    withSql({}, async (sql) =>
      values(
        await sql`select column_name, data_type, is_nullable from information_schema.columns
          where table_name = 'books' order by ordinal_position`,
      ),
    ),
  "orm-relations": "no ORM",
  "orm-schema": "no ORM",
};

async function largeObject(sql: Sql): Promise<unknown> {
  const object = await sql.largeObject();
  await object.write(Buffer.from("of the large kind"));
  const size = await object.size();
  await object.seek(3);
  const [read] = (await object.read(9)) as unknown as Record<string, unknown>[];
  await object.close();
  return [values(size), String(read?.["data"])];
}

/** It may wait without end where a connection is lost while it is made; so each loss is answered with a new client. */
async function workAt(worker: number, gates: readonly Gate[]): Promise<void> {
  let sql = made({});
  for (const n of numbers(EACH)) {
    if (n % 10 === 5) gates[(n - 5) / 10]?.enter();
    const write = (): Promise<unknown> => {
      const row = worker * EACH + n;
      const query = sql`insert into notes values (${DRIVER}, ${row}, 'once') on conflict do nothing`;
      return Promise.race([query.then(() => "done"), pause(STATEMENT_MS_MAX).then(() => "lost")]);
    };
    while ((await attempt(write())) !== "done") {
      void sql.end({ timeout: 0 });
      sql = made({});
    }
  }
  await sql.end({ timeout: 0 });
}
