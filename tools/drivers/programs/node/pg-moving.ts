/** node-postgres, with pg-cursor, pg-query-stream and pg-copy-streams: many rows. */
import { Readable, type Writable } from "node:stream";
import { pipeline as piped } from "node:stream/promises";
import type { Client, Submittable } from "pg";
import * as copyStreams from "pg-copy-streams";
import Cursor from "pg-cursor";
import QueryStream from "pg-query-stream";
import { type Features, attempt, numbers } from "./common.ts";
import { DRIVER, clear, notes, one, rows, withClient } from "./pg-base.ts";
import { INSERT } from "./pg-asking.ts";

const SERIES = "select g, repeat('y', 500) as y from generate_series(1, 20000) g";
const COPY_IN = "copy notes (driver, n, body) from stdin";
const NO_BATCH = "it has none: a statement is one round trip";

export const moving: Features = {
  batch: NO_BATCH,
  "batch-error": NO_BATCH,
  pipeline: () =>
    withClient({}, (client) =>
      // Its queue: each is sent when the one before it has ended.
      Promise.all(numbers(100).map((n) => one(client, "select name from people where id = $1", [n + 1]))),
    ),
  "pipeline-error": () =>
    withClient({}, async (client) => {
      await clear(client);
      const all = await Promise.all([
        attempt(rows(client, "select 1")),
        attempt(rows(client, "select 1 / $1::int", [0])),
        attempt(client.query(INSERT, [DRIVER, 1, "kept"]).then(({ rowCount }) => rowCount)),
      ]);
      return [all, await notes(client)];
    }),
  cursor: () =>
    withClient({}, async (client) => {
      const cursor = client.query(new Cursor("select id from people where id > $1 order by id", [1]));
      let total = 0;
      for (let part = await cursor.read(300); part.length > 0; part = await cursor.read(300))
        for (const row of part) total += Number(row["id"]);
      await cursor.close();
      return [total, await one(client, "select 4")];
    }),
  "cursor-hold": () =>
    withClient({}, async (client) => {
      await client.query("begin");
      await client.query(
        "declare held scroll cursor with hold for select id from people order by id limit 50",
      );
      await client.query("commit");
      const seen = [
        await rows(client, "fetch 3 from held"),
        await rows(client, "fetch absolute 41 from held"),
      ];
      seen.push(await rows(client, "fetch backward 2 from held"));
      await client.query("close held");
      return seen;
    }),
  stream: () =>
    withClient({}, async (client) => {
      let total = 0;
      for await (const row of client.query(streamed()) as unknown as AsyncIterable<{ g: number; y: string }>)
        total += row.g + row.y.length;
      return total;
    }),
  "stream-left": () =>
    withClient({}, async (client) => {
      const seen: number[] = [];
      for await (const row of client.query(streamed()) as unknown as AsyncIterable<{ g: number }>) {
        seen.push(row.g);
        if (seen.length === 3) break;
      }
      return [seen, await one(client, "select 4")];
    }),
  "copy-in": () =>
    withClient({}, async (client) => {
      await clear(client);
      const into = client.query(copyStreams.from(COPY_IN));
      const lines = numbers(2_000).map(
        (n) => `${DRIVER}\t${n}\t${n % 2 === 0 ? String.raw`\N` : `line ${n}`}\n`,
      );
      await piped(Readable.from(lines), into);
      return [into.rowCount, (await notes(client)).slice(-2)];
    }),
  "copy-out": () =>
    withClient({}, async (client) => {
      const out = await text(client, "copy people (id, name, tags, raw) to stdout (format csv, header)");
      return [out.length, out.toString("utf8", 0, 80), out.toString("utf8", out.length - 60)];
    }),
  "copy-binary": () =>
    withClient({}, async (client) => {
      await clear(client);
      const whole = await text(client, "copy people (id, name, raw) to stdout (format binary)");
      await client.query("drop table if exists pg_copied");
      await client.query("create table pg_copied (id int, name text, raw bytea)");
      await piped(
        Readable.from([whole]),
        client.query(copyStreams.from("copy pg_copied from stdin (format binary)")),
      );
      const same = await one(client, "select count(*) from pg_copied join people using (id, name, raw)");
      await client.query("drop table pg_copied");
      return [whole.length, same];
    }),
  "copy-bad-row": () =>
    withClient({}, async (client) => {
      await clear(client);
      const into = client.query(copyStreams.from(COPY_IN));
      const lines = [`${DRIVER}\t1\tfine\n`, `${DRIVER}\tnot a number\tbad\n`];
      return [await attempt(piped(Readable.from(lines), into)), await notes(client)];
    }),
  "copy-abandoned": () =>
    withClient({}, async (client) => {
      await clear(client);
      const into: Writable = client.query(copyStreams.from(COPY_IN));
      const gone = new Promise((resolve) => into.once("error", resolve));
      into.write(`${DRIVER}\t1\tfine\n`, () => into.destroy(new Error("thought better of it")));
      await gone;
      return [await notes(client), await one(client, "select 5")];
    }),
};

const streamed = (): Submittable => new QueryStream(SERIES);

async function text(client: Client, statement: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of client.query(copyStreams.to(statement))) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
