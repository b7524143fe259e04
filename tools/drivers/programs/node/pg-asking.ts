/** node-postgres: statements and transactions. */
import type { Client, QueryResult } from "pg";
import { type Features, attempt, numbers, port } from "./common.ts";
import { DRIVER, clear, notes, one, rows, rowsOf, withClient } from "./pg-base.ts";

const PEOPLE = `select id, name, balance, joined, born, active, profile, raw, tags, key, span, score from people
  where id between $1 and $2 and key <> $3 and tags @> $4 order by id`;
const NO_UUID = "00000000-0000-0000-0000-000000000000";

export const INSERT = "insert into notes values ($1, $2, $3)";

export const asking: Features = {
  several: () =>
    withClient({}, async (client) => {
      const results = await client.query("select 1 as a; select 2 as a, 'two' as b; show server_encoding");
      return (results as QueryResult[]).map(rowsOf);
    }),
  parameters: () =>
    withClient({ options: "-c TimeZone=UTC" }, async (client) => {
      const values = [5, 8, NO_UUID, ["ü"]];
      const text = await client.query(PEOPLE, values);
      const binary = await client.query({ text: PEOPLE, values, binary: true });
      return [rowsOf(text), rowsOf(binary)];
    }),
  simple: () => withClient({}, (client) => rows(client, "select name, 'it''s' from people where id = 3")),
  prepared: () =>
    withClient({}, async (client) => {
      const names = [];
      for (const n of numbers(8))
        names.push(
          rowsOf(
            await client.query({
              name: "by-id",
              text: "select name from people where id = $1",
              values: [n + 1],
            }),
          ),
        );
      return names;
    }),
  "prepared-after-ddl": () =>
    withClient({}, async (client) => {
      await client.query("drop table if exists pg_ddl");
      await client.query("create table pg_ddl (id int, a text)");
      await client.query("insert into pg_ddl values (1, 'a')");
      const read = async (): Promise<unknown> =>
        rowsOf(await client.query({ name: "all", text: "select * from pg_ddl" }));
      const seen = [await read(), await read()];
      await client.query("alter table pg_ddl add column b int default 7");
      seen.push(await attempt(read()), await attempt(read()));
      await client.query("drop table pg_ddl");
      return seen;
    }),
  types: "it hands out types that it does not know as text",
  "big-value": () =>
    withClient({}, async (client) => {
      await clear(client);
      await client.query(INSERT, [DRIVER, 1, "x".repeat(8_000_000)]);
      const back = String(await one(client, "select body from notes where driver = $1 and n = 1", [DRIVER]));
      await clear(client);
      return [back.length, [...new Set(back)]];
    }),
  errors: () =>
    withClient({}, async (client) => {
      await clear(client);
      await client.query(INSERT, [DRIVER, 1, ""]);
      try {
        return await client.query(INSERT, [DRIVER, 1, ""]);
      } catch (error) {
        const { code, severity, table, constraint, detail, name } = error as Record<string, unknown>;
        return { code, severity, table, constraint, detail, name };
      }
    }),
  transactions: () =>
    withClient({}, async (client) => {
      await clear(client);
      await client.query("begin");
      await client.query(INSERT, [DRIVER, 1, "kept"]);
      await client.query("commit");
      await client.query("begin");
      await client.query(INSERT, [DRIVER, 2, "lost"]);
      const seen = [await failing(client, "select 1 / 0"), await failing(client, "select 1")];
      const { command } = (await client.query("commit")) as QueryResult;
      return [...seen, command, await notes(client)];
    }),
  savepoints: () =>
    withClient({}, async (client) => {
      await clear(client);
      await client.query("begin");
      await client.query(INSERT, [DRIVER, 1, "kept"]);
      await client.query("savepoint inner_part");
      const twice = await attempt(client.query(INSERT, [DRIVER, 1, "twice"]));
      await client.query("rollback to savepoint inner_part");
      await client.query(INSERT, [DRIVER, 2, "kept"]);
      await client.query("release savepoint inner_part");
      await client.query("commit");
      return [twice, await notes(client)];
    }),
  isolation: () =>
    withClient({}, async (client) => {
      await client.query("begin isolation level serializable read only deferrable");
      const seen = [
        await one(client, "show transaction_isolation"),
        await one(client, "show transaction_deferrable"),
      ];
      seen.push(await attempt(client.query(INSERT, [DRIVER, 9, "never"])));
      await client.query("rollback");
      return seen;
    }),
  "two-phase": () =>
    withClient({ port: port("ANY") }, async (client) => {
      await clear(client);
      for (const [n, end] of [
        [1, "commit prepared"],
        [2, "rollback prepared"],
      ] as const) {
        await client.query("begin");
        await client.query(INSERT, [DRIVER, n, "in two phases"]);
        await client.query(`prepare transaction 'node-postgres ${n}'`);
        await client.query(`${end} 'node-postgres ${n}'`);
      }
      return await notes(client);
    }),
};

const failing = (client: Client, text: string): Promise<unknown> => attempt(client.query(text));
