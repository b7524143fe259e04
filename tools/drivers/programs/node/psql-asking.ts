/** psql: statements, many rows, transactions. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Features, numbers, port } from "./common.ts";
import { CLEAR, DRIVER, NOTES, psql } from "./psql-base.ts";

const PEOPLE = `set timezone to 'UTC';
  select id, name, balance, joined, born, active, profile, raw, tags, key, span, score from people
  where id between 5 and 8 and tags @> array['ü'] order by id;\n`;
const insert = (n: number, body: string): string =>
  `insert into notes values ('${DRIVER}', ${n}, '${body}');\n`;

export const asking: Features = {
  several: () => psql(String.raw`select 1 \; select 2, 'two' \; show server_encoding;` + "\n"),
  parameters: "its own come with 16 (`\\bind`)",
  simple: () => psql(PEOPLE),
  prepared: () =>
    psql(`prepare by_id(int) as select name from people where id = $1;
      ${numbers(8)
        .map((n) => `execute by_id(${n + 1});`)
        .join("\n")}
      deallocate by_id;\n`),
  "prepared-after-ddl": () =>
    psql(`set client_min_messages = warning;
      drop table if exists psql_ddl;
      create table psql_ddl (id int, a text);
      insert into psql_ddl values (1, 'a');
      prepare everything as select * from psql_ddl;
      execute everything;
      alter table psql_ddl add column b int default 7;
      execute everything;
      deallocate everything;
      select * from psql_ddl;
      drop table psql_ddl;\n`),
  types: () => psql("select mood, place, (place).street from offices order by id;\n"),
  "big-value": async () => {
    // A text of eight megabytes is more than a statement may have (docs/limits.md), so it is made and read.
    const [back] = await psql("select repeat('x', 8000000);\n");
    return back?.length;
  },
  errors: () => psql(CLEAR + insert(1, "") + insert(1, "")),
  batch: "it runs one statement at a time",
  "batch-error": "it runs one statement at a time",
  pipeline: "its own come with 18 (`\\startpipeline`)",
  "pipeline-error": "its own come with 18 (`\\startpipeline`)",
  cursor: async () => {
    const said = await psql(String.raw`\set FETCH_COUNT 300` + "\nselect id from people order by id;\n");
    return said.reduce((sum, line) => sum + Number(line), 0);
  },
  "cursor-hold": () =>
    psql(`begin;
      declare held scroll cursor with hold for select id from people order by id limit 50;
      commit;
      fetch 3 from held;
      fetch absolute 41 from held;
      fetch backward 2 from held;
      close held;\n`),
  stream: async () => {
    const said = await psql("select g, repeat('y', 500) from generate_series(1, 20000) g;\n");
    return [said.length, said.at(-1)?.length];
  },
  "stream-left": "it reads what it has asked for",
  "copy-in": async () => {
    const lines = numbers(2_000).map(
      (n) => `${DRIVER}\t${n}\t${n % 2 === 0 ? String.raw`\N` : `line ${n}`}\n`,
    );
    const said = await psql(
      `${CLEAR}copy notes (driver, n, body) from stdin;\n${lines.join("")}\\.\n${NOTES}`,
    );
    return [said.length, said.slice(-2)];
  },
  "copy-out": () =>
    inFolder(async (folder) => {
      const trouble = await psql(
        `\\copy people (id, name, tags, raw) to '${folder}/out' (format csv, header)\n`,
      );
      const out = readFileSync(join(folder, "out"), "utf8");
      return [trouble, out.length, out.slice(0, 80), out.slice(-60)];
    }),
  "copy-binary": () =>
    inFolder(async (folder) => {
      const said = await psql(`set client_min_messages = warning;
drop table if exists psql_copied;
create table psql_copied (id int, name text, raw bytea);
\\copy people (id, name, raw) to '${folder}/out' (format binary)
\\copy psql_copied from '${folder}/out' (format binary)
select count(*) from psql_copied join people using (id, name, raw);
drop table psql_copied;\n`);
      return [said, readFileSync(join(folder, "out")).length];
    }),
  "copy-bad-row": () =>
    psql(
      `${CLEAR}copy notes from stdin;\n${DRIVER}\t1\tfine\n${DRIVER}\tnot a number\tbad\n\\.\n${NOTES}select 5;\n`,
    ),
  "copy-abandoned": () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, "in"), `${DRIVER}\t1\tfine\n`);
      // Its way of giving up: a row that begins and does not end as the format wants it.
      const said = await psql(
        `${CLEAR}\\copy notes from program 'cat ${folder}/in; printf half'\n${NOTES}select 5;\n`,
      );
      return said;
    }),
  transactions: () =>
    psql(
      `${CLEAR}begin;\n${insert(1, "kept")}commit;\nbegin;\n${insert(2, "lost")}select 1 / 0;\nselect 1;\ncommit;\n${NOTES}`,
    ),
  savepoints: () =>
    psql(
      `${CLEAR}begin;\n${insert(1, "kept")}savepoint a;\n${insert(1, "twice")}rollback to a;\n${insert(2, "kept")}commit;\n${NOTES}`,
    ),
  isolation: () =>
    psql(`begin isolation level serializable read only deferrable;
      show transaction_isolation;
      show transaction_deferrable;
      ${insert(9, "never")}rollback;\n`),
  "two-phase": () =>
    psql(
      `${CLEAR}begin;\n${insert(1, "kept")}prepare transaction 'psql 1';\ncommit prepared 'psql 1';
begin;\n${insert(2, "lost")}prepare transaction 'psql 2';\nrollback prepared 'psql 2';\n${NOTES}`,
      { port: port("ANY") },
    ),
};

async function inFolder<Value>(use: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-psql-"));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
