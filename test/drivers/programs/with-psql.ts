/** psql, unchanged: its settings come from libpq's own variables, its words are what it prints. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { say } from "./say.ts";

/** Whose rows these are, so that two runs on one database do not meet. */
const NAME = process.env["NOTES_OF"] ?? "psql";
const QUIET = ["-X", "-q", "-A", "-t", "-v", "VERBOSITY=sqlstate"];

/** What psql prints while it runs the script, in a session of its own. */
async function psql(script: string, interruptAfterMs?: number): Promise<string[]> {
  const child = spawn("psql", [...QUIET, "-f", "-"], { stdio: ["pipe", "pipe", "pipe"] });
  let output = "";
  const keep = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  child.stdin.end(script);
  const timer =
    interruptAfterMs === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), interruptAfterMs);
  await once(child, "close");
  clearTimeout(timer);
  return output.split("\n").filter((line) => line !== "");
}

const READ = `
  set timezone to 'UTC';
  select id, name, balance, joined, born, active, profile, raw, tags from people where id between 5 and 8 order by id;`;

const TRANSACTIONS = `
  begin; insert into notes values ('${NAME}', 1, 'kept'); commit;
  begin;
  insert into notes values ('${NAME}', 2, 'lost');
  select 1 / 0;
  select 1;
  rollback;
  begin;
  insert into notes values ('${NAME}', 3, 'kept');
  savepoint a;
  insert into notes values ('${NAME}', 3, 'twice');
  rollback to a;
  commit;
  select n, body from notes where driver = '${NAME}' order by n;`;

const PREPARED = `
  prepare by_id(int) as select name from people where id = $1;
  execute by_id(1);
  execute by_id(2);
  deallocate by_id;`;

const REFUSED = `
  begin;
  insert into notes values ('${NAME}', 800, 'lost');
  select value from secrets;
  commit;
  select count(*) from notes where driver = '${NAME}' and n = 800;`;

async function main(): Promise<void> {
  await psql(`delete from notes where driver = '${NAME}';`);
  say("tls", (await psql("\\conninfo"))[1] ?? "none");
  say("read", await psql(READ));
  say("transactions", await psql(TRANSACTIONS));
  say("prepared", await psql(PREPARED));
  say("cursor", await psql("\\set FETCH_COUNT 300\nselect id from people where id <= 1000 order by id;"));
  say("describe", await psql("\\d notes"));
  say("several statements", await psql("select 1 \\; select 2;"));
  await copies();
  say("cancel", await psql("select pg_sleep(60);\nselect 4;", 1_000));
  say("mask", await psql("select id, email from people where id <= 3 order by id;"));
  say("refused", await psql("select value from secrets;\nselect 6;"));
  say("refused in a transaction", await psql(REFUSED));
}

async function copies(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-psql-"));
  try {
    const lines = Array.from({ length: 500 }, (_, n) => `${NAME}\t${n + 100}\tline ${n + 100}\n`);
    writeFileSync(join(folder, "in"), lines.join(""));
    const trouble = await psql(`\\copy notes from '${folder}/in'`);
    const query = `select n, body from notes where driver = '${NAME}' and n >= 100 order by n`;
    trouble.push(...(await psql(`\\copy (${query}) to '${folder}/out'`)));
    const out = readFileSync(join(folder, "out"), "utf8");
    say("copy", [trouble, out.length, out.slice(0, 24), out.slice(-24)]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main();
