/** Code that reads tables or runs texts of its own, and settings that make a session somebody else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { B, E, errorOf, P, Q, S } from "#test/postgres/support/wire.ts";
import { type Deciding, decider } from "../support/deciding.ts";
import { answered, hear, shownNothing, type Stage } from "../support/stage.ts";

/** Every one of these would show a masked value, or run what no analysis has read. */
const READERS: readonly string[] = [
  "query_to_xml('select email from people', true, true, '')",
  "query_to_xml_and_xmlschema('select email from people', true, true, '')",
  "table_to_xml('people', true, true, '')",
  "table_to_xml_and_xmlschema('people', true, true, '')",
  "schema_to_xml('public', true, true, '')",
  "schema_to_xml_and_xmlschema('public', true, true, '')",
  "database_to_xml(true, true, '')",
  "database_to_xml_and_xmlschema(true, true, '')",
  "ts_stat('select to_tsvector(email) from people')",
  "ts_rewrite('a'::tsquery, 'select email::tsquery, email::tsquery from people')",
  "pg_read_file('/etc/passwd')",
  "pg_read_binary_file('/etc/passwd')",
  "pg_ls_dir('/')",
  "pg_stat_file('/etc/passwd')",
  "pg_ls_logdir()",
  "lo_get(1)",
  "lo_import('/etc/passwd')",
  "lo_export(1, '/tmp/sallyport-exported')",
  "lo_from_bytea(0, 'x')",
  "lo_open(1, 262144)",
  "loread(1, 100)",
  "lo_create(0)",
  "lo_unlink(1)",
  "pg_terminate_backend(pg_backend_pid())",
  "pg_cancel_backend(pg_backend_pid())",
  "pg_reload_conf()",
  "pg_switch_wal()",
  "pg_create_logical_replication_slot('s', 'pgoutput')",
  "pg_logical_emit_message(true, 'a', 'b')",
  "pg_notify('c', 'x')",
  "nextval('counter')",
  "setval('counter', 5)",
  "dblink('', 'select email from people')",
  "tell()",
];

const NO_ROWS = /^(?:42501|42883|42P01|3F000|0A000) /;

export function codeTraps(there: () => Stage): void {
  test("trap 24: a function that reads tables or runs texts shows nothing that is masked", async () => {
    for (const call of READERS.filter((each) => /people|public|database|tell/.test(each))) {
      for (const text of [
        `select ${call}`,
        `select * from ${call} f`,
        `select x from (select ${call}::text as x) q`,
      ])
        assert.match(await shownNothing(there(), [Q(text)]), NO_ROWS, text);
      assert.match(await shownNothing(there(), [P(`select ${call}`), B(), E(), S]), NO_ROWS, call);
    }
    assert.match(
      await shownNothing(
        there(),
        [Q("begin; declare c cursor for select email from people")],
        [Q("select cursor_to_xml('c', 10, true, true, '')")],
      ),
      NO_ROWS,
    );
  });

  test("trap 24: a rule that allows reading allows no code that nobody named", async () => {
    await using reading: Deciding = decider(
      "allow: [{name: r, postgres: {statements: [read], tables: ['public.*']}}]",
    );
    for (const call of [...READERS, "cursor_to_xml('c', 10, true, true, '')"])
      for (const text of [`select ${call}`, `select id from plain where (${call}) is not null`])
        assert.notEqual(await reading.outcome(text), "allow", text);
    for (const text of [
      "do $$ begin execute 'select 1'; end $$",
      "call tell()",
      "create function f() returns int language sql as 'select 1'",
      "create view v as select * from people",
      "create rule r as on insert to plain do also select 1",
      "create trigger t after insert on plain execute function told_of()",
      "create extension dblink",
      "create foreign table f (n int) server s",
      "import foreign schema public from server s into public",
      "listen anything",
      "alter role postgres set search_path = x",
      "lock table people",
    ])
      assert.notEqual(await reading.outcome(text), "allow", text);
    for (const text of ["select lower(email) from plain", "select count(*) from plain", "table plain"])
      assert.equal(await reading.outcome(text), "allow", text);
  });

  test("trap 24: a session stays who it is, whether it says so in a text or in a parameter", async () => {
    const { admin, strict } = there();
    await admin.query(`
      create role somebody; grant somebody to postgres;
      create function owned() returns text language sql security definer as 'select current_user::text'`);
    const client = await there().client(strict);
    for (const text of [
      "set role somebody",
      "set local role somebody",
      "reset role",
      "set session authorization somebody",
      "reset session authorization",
      "select set_config('role', 'somebody', false)",
      "select set_config('ro' || 'le', 'somebody', false)",
      "alter role postgres set role = somebody",
      "update pg_settings set setting = 'somebody' where name = 'role'",
    ]) {
      assert.equal(errorOf(await hear(client, Q(text))).get("C"), "42501", text);
      assert.equal(errorOf(await hear(client, P(text), B(), E(), S)).get("C"), "42501", text);
    }
    const inParameters = [
      P("select set_config($1, $2, false)", "sc"),
      B("", "sc", ["role", "somebody"]),
      E(),
      S,
    ];
    assert.equal(errorOf(await hear(client, ...inParameters)).get("C"), "42501");
    assert.equal(await answered(client, Q("select current_user::text = 'somebody'")), "f");
    // What is harmless may be set, by a constant.
    assert.equal(
      await answered(client, Q("select set_config('work_' || 'mem', '1MB', false)")).then((told) =>
        told.slice(0, 5),
      ),
      "42501",
    );
    assert.equal(await answered(client, Q("select set_config('application_name', 'x', false)")), "x");
    client.close();
  });

  test("trap 24: what was prepared before a setting changed means what it means now", async () => {
    const client = await there().client(there().strict);
    await hear(client, P("select * from plain where id = 1", "p"), S, Q("prepare q as select id from plain"));
    for (const text of ["set search_path = pg_temp, public", "set search_path to default"]) {
      await hear(client, Q(text));
      assert.equal(await answered(client, B("", "p"), E(), S), "1,open@x");
      assert.equal(await answered(client, Q("execute q")), "1 | 2");
    }
    // A temporary table of that name stands before the permanent one from now on.
    await hear(client, Q("create temp table plain (id int, email text)"));
    assert.equal(await answered(client, Q("execute q")), "");
    assert.equal(await answered(client, B("", "p"), E(), S), "");
    client.close();
  });
}
