/** postgres.js, unchanged: it prepares and pipelines by itself. */
import { readFileSync } from "node:fs";
import { pipeline } from "node:stream/promises";
import { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import postgres from "postgres";
import { say, variable } from "./say.ts";

const DRIVER = "postgres.js";

const sql = postgres({
  host: variable("PGHOST"),
  port: Number(variable("PGPORT")),
  user: variable("PGUSER"),
  database: variable("PGDATABASE"),
  password: variable("PGPASSWORD"),
  ssl: { ca: readFileSync(variable("PGSSLROOTCERT"), "utf8") },
  max: 1,
  connection: { TimeZone: "UTC" },
});

async function main(): Promise<void> {
  await sql`delete from notes where driver = ${DRIVER}`;
  say(
    "read",
    await sql`select id, name, balance, joined, born, active, profile, raw, tags from people where id between 5 and 8 order by id`,
  );
  await transactions();
  const names = [];
  for (let id = 1; id <= 8; id += 1) names.push((await sql`select name from people where id = ${id}`)[0]);
  say("prepared", names);
  let total = 0;
  await sql`select id from people order by id`.cursor(300, (rows) => {
    for (const row of rows) total += Number(row["id"]);
  });
  say("cursor", total);
  await copies();
  await pipelines();
  await cancelled();
  say("mask", await sql`select id, email from people where id <= 3 order by id`);
  say("refused", await stateOf(sql`select value from secrets`));
  say("after the refusals", await sql`select 6 as six`);
  await sql.end();
}

async function transactions(): Promise<void> {
  await sql.begin((tx) => tx`insert into notes values (${DRIVER}, 1, 'kept')`);
  const lost = sql.begin(async (tx) => {
    await tx`insert into notes values (${DRIVER}, 2, 'lost')`;
    await tx`select 1 / 0`;
  });
  say("error in a transaction", await stateOf(lost));
  await sql.begin(async (tx) => {
    await tx`insert into notes values (${DRIVER}, 3, 'kept')`;
    const twice = tx.savepoint((inner) => inner`insert into notes values (${DRIVER}, 3, 'twice')`);
    say("error behind a savepoint", await stateOf(twice));
  });
  say("transactions", await sql`select n, body from notes where driver = ${DRIVER} order by n`);
}

async function copies(): Promise<void> {
  const lines = Array.from({ length: 500 }, (_, n) => `${DRIVER}\t${n + 100}\tline ${n + 100}\n`);
  const into = await sql`copy notes (driver, n, body) from stdin`.writable();
  await pipeline(Readable.from(lines), into);
  let out = "";
  const from =
    await sql`copy (select n, body from notes where driver = 'postgres.js' and n >= 100 order by n) to stdout`.readable();
  for await (const chunk of from) out += String(chunk);
  say("copy", [out.length, out.slice(0, 24), out.slice(-24)]);
}

async function pipelines(): Promise<void> {
  const answers = await Promise.allSettled([
    sql`select name from people where id = ${1}`,
    sql`select 1 / ${0}::int`,
    sql`select name from people where id = ${3}`,
  ]);
  say(
    "pipeline",
    answers.map((answer) =>
      answer.status === "fulfilled" ? answer.value : (answer.reason as { code: string }).code,
    ),
  );
}

async function cancelled(): Promise<void> {
  const asleep = sql`select pg_sleep(60)`;
  const state = stateOf(asleep);
  await pause(500);
  asleep.cancel();
  say("cancel", await state);
  say("after the cancel", await sql`select 4 as four`);
}

async function stateOf(query: PromiseLike<unknown>): Promise<string> {
  try {
    await query;
    return "passed";
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

await main();
