/** “Code that no name shows” of docs/limits.md: allowed by the text, and seen to run on a real PostgreSQL. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { decideStatement, policy } from "./world.ts";

const INSTALLED = `
  create table ran (what text);
  create table parents (id int primary key);
  create table children (parent_id int references parents on delete cascade);
  insert into parents values (1);
  insert into children values (1);

  create function note(what text) returns boolean language plpgsql security definer
    as $$ begin insert into public.ran values (what); return true; end $$;
  create type code as (digits int);
  create function code_text(code) returns text language plpgsql as $$ begin perform note('cast'); return 'c'; end $$;
  create cast (code as text) with function code_text(code) as implicit;
  create type mood as enum ('calm');
  create function mood_text(mood) returns text language plpgsql as $$ begin perform note('text'); return 'm'; end $$;
  create function mood_json(mood) returns json language plpgsql as $$ begin perform note('json'); return '1'; end $$;
  create cast (mood as text) with function mood_text(mood);
  create cast (mood as json) with function mood_json(mood);
  create domain label as text check (note('domain'));
  create function stamped() returns trigger language plpgsql as $$ begin perform note('trigger'); return new; end $$;

  create table items (id int, code code, mood mood, label label, fresh boolean default note('default'));
  insert into items (id, code, mood) values (1, row(7), 'calm');
  create table guarded (id int);
  insert into guarded values (1);
  alter table guarded enable row level security;
  create policy seen on guarded using (note('policy'));
  create view item_list as select id, note('view') from items;
  create trigger stamp before update on items for each row execute function stamped();
  truncate ran;

  create role agent login;
  grant select, insert, update, delete on items, guarded, item_list, parents to agent`;

const RULES = policy(`
allow:
  - name: work
    postgres:
      statements: [read, insert, update, delete]
      tables: [public.items, public.guarded, public.item_list, public.parents]
deny:
  - name: not-these
    postgres: {tables: [public.ran, public.children]}
`);

const CASES: readonly (readonly [what: string, sql: string])[] = [
  ["cast", "select lower(code) from items where id = 1"],
  ["text", "select quote_literal(mood) from items where id = 1"],
  ["json", "select to_json(mood) from items where id = 1"],
  ["domain", "insert into items (id, label, fresh) values (2, 'a', true)"],
  ["default", "insert into items (id) values (3)"],
  ["trigger", "update items set id = 4 where id = 3"],
  ["policy", "select id from guarded where id = 1"],
  ["view", "select * from item_list where id = 1"],
];

test("Code that no name shows: it runs in statements that do not name it", {
  skip: skipWithoutPostgres(18),
}, async (t) => {
  await using server = await startPostgres({ version: 18 });
  await using owner = await connect(server);
  await owner.query(INSTALLED);
  await using agent = await connect(server, { user: "agent" });
  for (const [what, sql] of CASES) {
    await t.test(`${what}: ${sql}`, async () => {
      assert.equal((await decideStatement([RULES], sql)).outcome, "allow");
      await owner.query("truncate ran");
      await agent.query(sql);
      const seen = await owner.query("select distinct what from ran order by what");
      assert.ok(
        seen.some((row) => row["what"] === what),
        JSON.stringify(seen),
      );
    });
  }
  await t.test("foreign keys: what refers to a deleted row goes with it", async () => {
    const sql = "delete from parents where id = 1";
    assert.equal((await decideStatement([RULES], sql)).outcome, "allow");
    await agent.query(sql);
    assert.deepEqual(await owner.query("select * from children"), []);
    assert.equal(
      (await decideStatement([RULES], "delete from children where parent_id = 1")).outcome,
      "deny",
    );
  });
});
