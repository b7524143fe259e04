/** The rule for introspection in docs/policy-language.md, held to what psql really asks. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dump, load } from "js-yaml";
import { fencesOf } from "#test/docs/fences.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { decideStatement, policy } from "./world.ts";

const PAGE = join(import.meta.dirname, "../../docs/policy-language.md");
const PSQL = ["/usr/bin/psql", "/usr/local/bin/psql", "/opt/homebrew/bin/psql"].find((path) =>
  existsSync(path),
);

function skipWithoutPsql(): string | false {
  if (PSQL !== undefined) return false;
  if (process.env["CI"] === "true") throw new Error("psql is not installed");
  return "psql is not installed (package postgresql-client)";
}

function documented(): string {
  const fence = fencesOf("policy-language.md", readFileSync(PAGE, "utf8")).find(({ text }) =>
    text.includes("name: introspection,"),
  );
  assert.ok(fence !== undefined, "the page has no such example");
  const { spec } = load(fence.text) as { spec: { allow: unknown } };
  return policy(dump({ allow: spec.allow }));
}

const SCHEMA = `
  create table orders (id int primary key generated always as identity, note text default 'none' check (note <> ''));
  create table items (order_id int references orders, part int) partition by range (part);
  create table items_1 partition of items for values from (1) to (10);
  create index on orders (lower(note));
  create statistics both_columns on id, note from orders;
  create policy mine on orders using (true);
  create type mood as enum ('calm');
  comment on table orders is 'what was ordered'`;

const COMMANDS = [
  "\\l",
  "\\dn",
  "\\dt",
  "\\d",
  "\\d orders",
  "\\d+ orders",
  "\\d+ items",
  "\\d items_1",
  "\\di",
  "\\ds",
  "\\dT",
  "\\dx",
];

test("psql sees the shape of the schema under the rule of the page", {
  skip: skipWithoutPsql() || skipWithoutPostgres(15),
}, async () => {
  await using server = await startPostgres({ version: 15 });
  await using session = await connect(server);
  await session.query(SCHEMA);
  const shown = execFileSync(
    PSQL ?? "psql",
    [
      "-X",
      "-E",
      "-h",
      server.socketFolder,
      "-p",
      String(server.port),
      "-U",
      "postgres",
      ...COMMANDS.flatMap((command) => ["-c", command]),
    ],
    { encoding: "utf8" },
  );
  const queries = Array.from(
    shown.matchAll(/\*{2,} QUERY \*{2,}\n([\s\S]*?)\n\*{2,}\n/g),
    ([, query = ""]) => query,
  );
  assert.ok(queries.length >= 25, `psql showed ${queries.length} queries`);
  const rule = documented();
  for (const query of queries) {
    const { outcome, publicText } = await decideStatement([rule], query);
    assert.equal(outcome, "allow", `${publicText}\n${query}`);
  }
});

test("what else the catalog tells stays refused under it", async () => {
  const rule = documented();
  for (const sql of [
    "select rolpassword from pg_authid",
    "select prosrc from pg_proc",
    "select pg_get_functiondef(1)",
    "select pg_get_viewdef('v'::regclass)",
    "select most_common_vals from pg_stats",
    "select query from pg_stat_activity",
    "select * from information_schema.user_mapping_options",
    "select * from public.orders limit 1",
  ])
    assert.equal((await decideStatement([rule], sql)).outcome, "deny", sql);
  const columns = "select column_name from information_schema.columns where table_name = 'orders'";
  assert.equal((await decideStatement([rule], columns)).outcome, "allow");
});
