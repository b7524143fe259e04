/** postgres.js: statements, which it prepares and pipelines by itself, and transactions. */
import type { Sql, TransactionSql } from "postgres";
import { type Features, attempt, numbers, port } from "./common.ts";
import { DRIVER, clear, notes, one, values, withSql } from "./postgres-js-base.ts";

const NO_UUID = "00000000-0000-0000-0000-000000000000";

export const insert = (sql: Sql | TransactionSql, n: number, body: string): PromiseLike<unknown> =>
  sql`insert into notes values (${DRIVER}, ${n}, ${body})`;

export const asking: Features = {
  several: () =>
    withSql({}, async (sql) => {
      const text = "select 1 as a; select 2 as a, 'two' as b; show server_encoding";
      return ((await sql.unsafe(text).simple()) as unknown as Record<string, unknown>[][]).map(values);
    }),
  parameters: () =>
    withSql({ connection: { TimeZone: "UTC" } }, async (sql) =>
      values(
        await sql`select id, name, balance, joined, born, active, profile, raw, tags, key, span, score from people
          where id between ${5} and ${8} and key <> ${NO_UUID} and tags @> ${["ü"]} order by id`,
      ),
    ),
  simple: () =>
    withSql({}, async (sql) =>
      values(await sql`select name, 'it''s' as b from people where id = 3`.simple()),
    ),
  prepared: () =>
    withSql({}, async (sql) => {
      const names = [];
      for (const n of numbers(8)) names.push(await one(sql`select name from people where id = ${n + 1}`));
      return names;
    }),
  "prepared-after-ddl": () =>
    withSql({}, async (sql) => {
      await sql`drop table if exists postgres_js_ddl`;
      await sql`create table postgres_js_ddl (id int, a text)`;
      await sql`insert into postgres_js_ddl values (1, 'a')`;
      const read = async (): Promise<unknown> => values(await sql`select * from postgres_js_ddl`);
      const seen = [await read(), await read()];
      await sql`alter table postgres_js_ddl add column b int default 7`;
      // It prepares anew by itself where the server says that the plan no longer fits.
      seen.push(await attempt(read()), await attempt(read()));
      await sql`drop table postgres_js_ddl`;
      return seen;
    }),
  types: () =>
    // `fetch_types`: its first question is for the array types that there are.
    withSql({}, async (sql) => [
      values(await sql`select array_agg(mood order by id) as moods from offices`),
      values(await sql`select place from offices order by id`),
    ]),
  "big-value": () =>
    withSql({}, async (sql) => {
      await clear(sql);
      await insert(sql, 1, "x".repeat(8_000_000));
      const back = String(await one(sql`select body from notes where driver = ${DRIVER} and n = 1`));
      await clear(sql);
      return [back.length, [...new Set(back)]];
    }),
  errors: () =>
    withSql({}, async (sql) => {
      await clear(sql);
      await insert(sql, 1, "");
      try {
        return await insert(sql, 1, "");
      } catch (error) {
        const { code, severity, table_name, constraint_name, detail, name } = error as Record<
          string,
          unknown
        >;
        return { code, severity, table_name, constraint_name, detail, name };
      }
    }),
  transactions: () =>
    withSql({}, async (sql) => {
      await clear(sql);
      await sql.begin((tx) => insert(tx, 1, "kept"));
      const lost = sql.begin(async (tx) => {
        await insert(tx, 2, "lost");
        await tx`select 1 / 0`;
      });
      const seen = [await attempt(lost)];
      const caught = sql.begin(async (tx) => {
        await insert(tx, 3, "lost");
        return [await attempt(tx`select nothing`), await attempt(tx`select 1`)];
      });
      seen.push(await attempt(caught));
      return [...seen, await notes(sql)];
    }),
  savepoints: () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const seen = await sql.begin(async (tx) => {
        await insert(tx, 1, "kept");
        const twice = await attempt(tx.savepoint((inner) => insert(inner, 1, "twice")));
        await tx.savepoint((inner) => insert(inner, 2, "kept"));
        return twice;
      });
      return [seen, await notes(sql)];
    }),
  isolation: () =>
    withSql({}, async (sql) => [
      await sql.begin("isolation level serializable read only deferrable", async (tx) => [
        await one(tx`show transaction_isolation`),
        await one(tx`show transaction_deferrable`),
      ]),
      await attempt(sql.begin("read only", (tx) => insert(tx, 9, "never"))),
    ]),
  "two-phase": () =>
    withSql({ port: port("ANY") }, async (sql) => {
      await clear(sql);
      for (const n of [1, 2])
        await sql.begin(async (tx) => {
          await insert(tx, n, "in two phases");
          await tx.prepare(`postgres-js-${n}`);
        });
      await sql.unsafe("commit prepared 'postgres-js-1'");
      await sql.unsafe("rollback prepared 'postgres-js-2'");
      return await notes(sql);
    }),
};
