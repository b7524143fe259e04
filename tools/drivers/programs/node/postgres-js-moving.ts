/** postgres.js: many rows. */
import { Readable } from "node:stream";
import { pipeline as piped } from "node:stream/promises";
import type { Sql } from "postgres";
import { type Features, attempt, numbers } from "./common.ts";
import { DRIVER, clear, notes, one, values, withSql } from "./postgres-js-base.ts";
import { insert } from "./postgres-js-asking.ts";

const copyIn = (sql: Sql) => sql`copy notes (driver, n, body) from stdin`.writable();

export const moving: Features = {
  batch: () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const rows = numbers(500).map((n) => ({ driver: DRIVER, n, body: `row ${n}` }));
      const back = await sql`insert into notes ${sql(rows)} returning n`;
      return [back.length, (await notes(sql)).length];
    }),
  "batch-error": () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const rows = [1, 2, 3, 3, 4].map((n) => ({ driver: DRIVER, n, body: "row" }));
      return [await attempt(sql`insert into notes ${sql(rows)}`), await notes(sql)];
    }),
  pipeline: () =>
    withSql({}, (sql) =>
      Promise.all(numbers(100).map((n) => one(sql`select name from people where id = ${n + 1}`))),
    ),
  "pipeline-error": () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const all = await Promise.all([
        attempt(one(sql`select name from people where id = ${1}`)),
        attempt(one(sql`select 1 / ${0}::int as n`)),
        attempt(insert(sql, 1, "kept")),
        attempt(one(sql`select name from people where id = ${3}`)),
      ]);
      return [all, await notes(sql)];
    }),
  cursor: () =>
    withSql({}, async (sql) => {
      let total = 0;
      await sql`select id from people where id > ${1} order by id`.cursor(300, (rows) => {
        for (const row of rows) total += Number(row["id"]);
      });
      return [total, await one(sql`select 4 as n`)];
    }),
  "cursor-hold": () =>
    withSql({}, async (sql) => {
      await sql.begin(
        (tx) => tx`declare held scroll cursor with hold for select id from people order by id limit 50`,
      );
      const seen = [
        values(await sql`fetch 3 from held`),
        values(await sql`fetch absolute 41 from held`),
        values(await sql`fetch backward 2 from held`),
      ];
      await sql`close held`;
      return seen;
    }),
  stream: () =>
    withSql({}, async (sql) => {
      let total = 0;
      await sql`select g, repeat('y', 500) as y from generate_series(1, 20000) g`.forEach((row) => {
        total += Number(row["g"]) + String(row["y"]).length;
      });
      return total;
    }),
  "stream-left": () =>
    withSql({}, async (sql) => {
      const seen = [];
      for await (const rows of sql`select g from generate_series(1, 20000) g`.cursor(2)) {
        seen.push(...values(rows));
        if (seen.length >= 4) break;
      }
      return [seen, await one(sql`select 4 as n`)];
    }),
  "copy-in": () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const lines = numbers(2_000).map(
        (n) => `${DRIVER}\t${n}\t${n % 2 === 0 ? String.raw`\N` : `line ${n}`}\n`,
      );
      await piped(Readable.from(lines), await copyIn(sql));
      const all = await notes(sql);
      return [all.length, all.slice(-2)];
    }),
  "copy-out": () =>
    withSql({}, async (sql) => {
      const out = await drained(sql`copy people (id, name, tags, raw) to stdout (format csv, header)`);
      return [out.length, out.toString("utf8", 0, 80), out.toString("utf8", out.length - 60)];
    }),
  "copy-binary": () =>
    withSql({}, async (sql) => {
      const whole = await drained(sql`copy people (id, name, raw) to stdout (format binary)`);
      await sql`drop table if exists postgres_js_copied`;
      await sql`create table postgres_js_copied (id int, name text, raw bytea)`;
      const into = await sql`copy postgres_js_copied from stdin (format binary)`.writable();
      await piped(Readable.from([whole]), into);
      const same = await one(
        sql`select count(*)::int as n from postgres_js_copied join people using (id, name, raw)`,
      );
      await sql`drop table postgres_js_copied`;
      return [whole.length, same];
    }),
  "copy-bad-row": "3.4.9 waits without end when the server refuses a row, with a gateway or without",
  "copy-abandoned": () =>
    withSql({}, async (sql) => {
      await clear(sql);
      const into = await copyIn(sql);
      const gone = new Promise((resolve) => into.once("error", resolve));
      into.write(`${DRIVER}\t1\tfine\n`);
      into.destroy(new Error("thought better of it"));
      await gone;
      return [await notes(sql), await one(sql`select 5 as n`)];
    }),
};

async function drained(query: { readable(): Promise<Readable> }): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await query.readable()) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
