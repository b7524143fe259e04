import { judged, type StatementCase } from "./case.ts";

/** WITH queries, aliases, temporary relations and search paths: which relation a name means. */
export const NAMES: readonly StatementCase[] = [
  judged("with a as (select * from orders where id = 1) select * from a", "read: read public.orders"),
  judged("with secrets as (select 1 as id) select * from secrets", "read:"),
  judged(
    "with secrets as (select * from secrets) select * from secrets where id = 1",
    "read: read public.secrets",
  ),
  judged(
    "with recursive secrets as (select 1 as n union all select n + 1 from secrets where n < 3) select * from secrets",
    "read:",
  ),
  judged("with secrets as (select 1) select * from public.secrets where id = 1", "read: read public.secrets"),
  judged("with a as (select * from b), b as (select 1) select * from a limit 1", "read: read public.b", {
    notRun: "no b",
  }),
  judged(
    "with recursive a as (select * from b), b as (select id from orders) select * from a limit 1",
    "read: read public.orders!",
  ),
  judged("with b as (select 1), a as (select * from b) select * from a", "read:"),
  judged(
    "with a as (with secrets as (select 1 as id) select * from secrets) select * from a, secrets limit 1",
    "read: read public.secrets",
  ),
  judged(
    "with a as (select 1) select * from (with a as (select id from orders where id = 2) select * from a) x",
    "read: read public.orders",
  ),
  judged(
    "with a as (select 1) select (select count(*) from a), (select count(*) from orders) from a",
    "read: read public.orders",
  ),
  judged(
    "with a as (select id from secrets) select * from orders where id in (select id from a)",
    "read: read public.secrets, read public.orders",
  ),
  judged("with unused as (select * from secrets) select 1", "read: read public.secrets"),
  judged(
    "with recursive t(id) as (select id from customers where id = 1 union all select c.id from customers c join t on c.parent_id = t.id) select * from t",
    "read: read public.customers!",
  ),
  judged(
    "with recursive t(id) as (select 1 union all select id + 1 from t where id < 5) search depth first by id set o cycle id set c using p select * from t",
    "read:",
  ),
  judged(
    "with orders as (select 1 as id) insert into orders (id, customer_id) select id, 1 from orders",
    "insert: insert public.orders",
  ),
  judged("with orders as (select 1 as id) delete from orders where id = 1", "delete: delete public.orders"),
  judged("select secrets.id from orders as secrets where secrets.id = 1", "read: read public.orders"),
  judged("select * from orders secrets(id) where secrets.id = 1", "read: read public.orders"),
  judged("select * from pg_temp.secrets", "read: read pg_temp.secrets!", { notRun: "no such relation" }),
  judged(
    "begin; create temp table secrets(id int); rollback; select * from secrets",
    "transaction: transaction; ddl: ddl pg_temp.secrets; transaction: transaction; read: read public.secrets!",
  ),
  judged("create temp table t (id int); select * from t", "ddl: ddl pg_temp.t; read: read public.t!"),
  judged(
    "set search_path = audit; select * from orders where id = 1",
    "session: session; read: read public.orders, read audit.orders",
  ),
  judged(
    "set search_path = audit; select * from public.orders where id = 1",
    "session: session; read: read public.orders",
  ),
  judged(
    'set search_path = "$user", public; select 1 from audit.events',
    "session: session; read: read audit.events!",
  ),
  judged(
    'set search_path = "$user", public; select 1 from events',
    "session: session; read: read public.events!, ?SEARCH_PATH_CHANGED",
  ),
  judged(
    "reset search_path; select * from orders where orders.id = 1",
    "session: session; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged(
    "reset all; table orders limit 1",
    "session: session; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged(
    "discard all; table orders limit 1",
    "session: session; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged("discard all; select 1", "session: session; read:"),
  judged(
    "select set_config('search_path', 'audit', false); table orders limit 1",
    "read: session; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged(
    "set search_path = ''; table orders limit 1",
    "session: session; read: read public.orders, read pg_temp.orders, ?ODD_NAME",
  ),
  judged("commit; table orders limit 1", "transaction: transaction; read: read public.orders"),
  judged(
    "commit; table orders limit 1",
    "transaction: transaction; read: read audit.orders, read public.orders",
    {
      searchPath: ["audit"],
      searchPathAfterTransaction: ["public"],
      notRun: "the path is a transaction's own",
    },
  ),
  judged(
    "rollback to a; table orders limit 1",
    "transaction: transaction; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged(
    "select leak(); table orders limit 1",
    "read: fn public.leak; read: read public.orders, ?SEARCH_PATH_CHANGED",
  ),
  judged("select * from nowhere limit 1", "read: read pg_temp.nowhere, ?ODD_NAME", {
    searchPath: [],
    notRun: "no such relation",
  }),
  judged('select * from "*"', "read: ?ODD_NAME", { notRun: "no such relation" }),
  judged('select * from "*".orders', "read: ?ODD_NAME", { notRun: "no such relation" }),
  judged('select * from "Orders" limit 1', "read: read public.Orders", { notRun: "no such relation" }),
  judged('select * from "public.orders" limit 1', "read: read public.public.orders", {
    notRun: "no such relation",
  }),
  judged('select * from U&"s\\0065crets" limit 1', "read: read public.secrets"),
  judged("select * from /* orders */ secrets -- orders\n limit 1", "read: read public.secrets"),
  judged("select * from sallyport.public.secrets limit 1", "read: read public.secrets", {
    notRun: "the database has another name",
  }),
];
