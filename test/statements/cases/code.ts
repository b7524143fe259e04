import { judged, type StatementCase } from "./case.ts";

/** Functions, operators and types: code that a statement runs without naming a relation. */
export const CODE: readonly StatementCase[] = [
  judged("select leak()", "read: fn public.leak"),
  judged("select * from leak()", "read: fn public.leak"),
  judged("select public.leak()", "read: fn public.leak"),
  judged("select leak()", "read: fn app|public.leak", { searchPath: ["app", "public"] }),
  judged("select * from orders o where id = 1 order by leak(o)", "read: read public.orders, fn public.leak"),
  judged("select leak(o) from orders o where id = 1", "read: read public.orders, fn public.leak"),
  judged(
    "select count(*) filter (where leak() is null) from orders",
    "read: read public.orders, fn public.leak",
  ),
  judged("select touch_customer(variadic => 1)", "unknown: ?SYNTAX_ERROR"),
  judged("select 1 limit touch_customer(1)", "read: fn public.touch_customer"),
  judged("select * from rows from (leak(), generate_series(1, 2)) as x", "read: fn public.leak"),
  judged(
    "insert into orders (id) values (touch_customer(1))",
    "insert: insert public.orders, fn public.touch_customer",
  ),
  judged("select pg_catalog.lower('A')", "read:"),
  judged("select public.lower('A'::varchar)", "read: fn public.lower"),
  judged("select pg_sleep(1)", "read: fn pg_catalog.pg_sleep"),
  judged("select nextval('order_numbers')", "read: fn pg_catalog.nextval"),
  judged("select pg_terminate_backend(1)", "read: fn pg_catalog.pg_terminate_backend"),
  judged("select pg_notify('a', 'b')", "read: notify, fn pg_catalog.pg_notify"),
  judged("select 'a' === 'b'", "read: op public.==="),
  judged("select 'a' operator(public.===) 'b'", "read: op public.==="),
  judged("select 'a' operator(public.=) 'b'", "read: op public.=", { notRun: "no such operator" }),
  judged("select 'a' operator(pg_catalog.=) 'b'", "read:"),
  judged("select 'a' === any (array['b'])", "read: op public.==="),
  judged("select 'a' === all (select name from secrets)", "read: read public.secrets, op public.==="),
  judged(
    "select id from orders where id = 1 order by note using ===",
    "read: read public.orders, op public.===",
    { notRun: "not an ordering operator" },
  ),
  judged(
    "select -1, not true, 1 between 0 and 2, 'a' like 'b', 'a' ilike 'b', 'a' similar to 'b', 1 is distinct from 2, nullif(1, 2)",
    "read:",
  ),
  judged("select case 1 when 1 then 2 end, (1, 2) < (3, 4), 1 in (1, 2), 1 = any (array[1])", "read:"),
  judged("select 'calm'::mood", "read: type public.mood"),
  judged("select 'calm'::public.mood[]", "read: type public.mood"),
  judged("select cast(1 as positive)", "read: type public.positive"),
  judged("select positive '1'", "read: type public.positive"),
  judged(
    "select 1::int8, '1'::numeric(5, 2), 'x'::varchar(3), '{}'::jsonb, interval '1' day, date '2026-01-01'",
    "read:",
  ),
  judged("select * from json_to_record('{}') as x(a mood)", "read: type public.mood"),
  judged("select json_value('1', '$' returning positive)", "read: type public.positive"),

  // Run SQL, read files, reach elsewhere: never by accident, whatever functions a rule names
  judged(
    "select query_to_xml('select * from secrets', true, true, '')",
    "read: fn pg_catalog.query_to_xml, ?DYNAMIC_CODE",
  ),
  judged(
    "select pg_catalog.query_to_xml('select 1', true, true, '')",
    "read: fn pg_catalog.query_to_xml, ?DYNAMIC_CODE",
  ),
  judged(
    "select \"query_to_xml\"('select 1', true, true, '')",
    "read: fn pg_catalog.query_to_xml, ?DYNAMIC_CODE",
  ),
  judged("select table_to_xml('secrets', true, true, '')", "read: fn pg_catalog.table_to_xml, ?DYNAMIC_CODE"),
  judged(
    "select schema_to_xml('public', true, true, '')",
    "read: fn pg_catalog.schema_to_xml, ?DYNAMIC_CODE",
  ),
  judged("select database_to_xml(true, true, '')", "read: fn pg_catalog.database_to_xml, ?DYNAMIC_CODE"),
  judged("select cursor_to_xml('c', 1, true, true, '')", "read: fn pg_catalog.cursor_to_xml, ?DYNAMIC_CODE"),
  judged(
    "select * from ts_stat('select to_tsvector(value) from secrets')",
    "read: fn pg_catalog.ts_stat, ?DYNAMIC_CODE",
  ),
  judged("select ts_rewrite('a'::tsquery, 'select 1')", "read: fn pg_catalog.ts_rewrite, ?DYNAMIC_CODE"),
  judged("select pg_read_file('/etc/passwd')", "read: fn pg_catalog.pg_read_file, ?SERVER_FILE"),
  judged("select pg_read_binary_file('x')", "read: fn pg_catalog.pg_read_binary_file, ?SERVER_FILE"),
  judged("select * from pg_ls_dir('.')", "read: fn pg_catalog.pg_ls_dir, ?SERVER_FILE"),
  judged("select pg_stat_file('x')", "read: fn pg_catalog.pg_stat_file, ?SERVER_FILE"),
  judged("select lo_import('/etc/passwd')", "read: fn pg_catalog.lo_import, ?SERVER_FILE"),
  judged("select lo_export(1, '/tmp/x')", "read: fn pg_catalog.lo_export, ?SERVER_FILE"),
  judged("select lo_get(1)", "read: fn pg_catalog.lo_get, ?EXTERNAL_DATA"),
  judged("select loread(1, 2)", "read: fn pg_catalog.loread, ?EXTERNAL_DATA"),
  judged("select ('/etc/passwd'::text).pg_read_file", "read: fn pg_catalog.pg_read_file, ?SERVER_FILE"),
  judged("select * from dblink('host=x', 'select 1') as t(a int)", "read: fn public.dblink, ?EXTERNAL_DATA"),
  judged("select app.dblink_exec('x', 'y')", "read: fn app.dblink_exec, ?EXTERNAL_DATA"),
  judged(
    "select pg_logical_slot_get_changes('s', null, null)",
    "read: fn pg_catalog.pg_logical_slot_get_changes, ?REPLICATION",
  ),
  judged(
    "select pg_create_logical_replication_slot('s', 'test_decoding')",
    "read: fn pg_catalog.pg_create_logical_replication_slot, ?REPLICATION",
  ),

  judged("do $$ begin perform 1; end $$", "unknown: ?DYNAMIC_CODE"),
  judged("do language plpgsql 'begin execute ''drop table x''; end'", "unknown: ?DYNAMIC_CODE"),
  judged("call purge()", "unknown: fn public.purge"),
  judged(
    "call app.refresh((select value from secrets where id = 1))",
    "unknown: read public.secrets, fn app.refresh",
  ),
];
