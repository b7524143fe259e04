import { judged, type StatementCase } from "./case.ts";

/** Ordinary reading, and every corner of SELECT that a relation can hide in. */
export const READS: readonly StatementCase[] = [
  judged("select * from orders", "read: read public.orders!"),
  judged("select * from public.orders where id = 1", "read: read public.orders"),
  judged("SELECT id FROM Orders WHERE id = 1", "read: read public.orders"),
  judged('select id from "orders" where id = 1', "read: read public.orders"),
  judged("table orders", "read: read public.orders!"),
  judged("table orders limit 5", "read: read public.orders"),
  judged("values (1, 'a'), (2, 'b')", "read:"),
  judged("select 1", "read:"),
  judged("select now(), current_user, version()", "read:"),
  judged("select * from only orders where id = 1", "read: read public.orders"),
  judged("select * from orders * where id = 1", "read: read public.orders"),
  judged("select * from audit.events where id = 1", "read: read audit.events"),
  judged("select * from orders where id = 1", "read: read audit.orders", { searchPath: ["audit"] }),
  judged("select * from orders where id = 1", "read: read audit.orders, read public.orders", {
    searchPath: ["audit", "public"],
  }),
  judged("select relname from pg_class where relname = 'orders'", "read: read pg_catalog.pg_class"),
  judged("select * from order_totals where id = 1", "read: read public.order_totals"),
  judged("select * from measures where day = '2026-05-01'", "read: read public.measures"),
  judged("select * from people where id = 1", "read: read public.people"),

  // A relation in every place that takes an expression
  judged("select (select value from secrets where id = 1)", "read: read public.secrets"),
  judged("select array(select value from secrets)", "read: read public.secrets!"),
  judged("select exists (select from secrets)", "read: read public.secrets"),
  judged("select 1 where 1 in (select id from secrets)", "read: read public.secrets"),
  judged("select 1 limit (select count(*) from secrets)", "read: read public.secrets"),
  judged("select 1 offset (select count(*) from secrets)", "read: read public.secrets"),
  judged("select 1 order by (select value from secrets where id = 1)", "read: read public.secrets"),
  judged("select 1 group by (select value from secrets where id = 1)", "read: read public.secrets"),
  judged("select 1 having (select count(*) from secrets) > 0", "read: read public.secrets"),
  judged("select case when exists (select from secrets) then 1 else 0 end", "read: read public.secrets"),
  judged("select coalesce(null, (select value from secrets where id = 1))", "read: read public.secrets"),
  judged("select (array[1, 2])[(select id from secrets where id = 1)]", "read: read public.secrets"),
  judged("select row((select value from secrets where id = 1))", "read: read public.secrets"),
  judged(
    "select count(*) filter (where exists (select from secrets)) from orders",
    "read: read public.orders, read public.secrets",
  ),
  judged(
    "select sum(total) over (partition by (select name from secrets where id = 1)) from orders where id = 1",
    "read: read public.orders, read public.secrets",
  ),
  judged(
    "select sum(total) over w from orders where id = 1 window w as (order by (select id from secrets where id = 2))",
    "read: read public.orders, read public.secrets",
  ),
  judged("values ((select value from secrets where id = 1))", "read: read public.secrets"),
  judged("select 'a' || (select value from secrets where id = 1)", "read: read public.secrets"),
  judged("select (1, 2) = (select id, id from secrets where id = 1)", "read: read public.secrets"),
  judged("select 1 = all (select id from secrets)", "read: read public.secrets"),
  judged("select json_array(select value from secrets)", "read: read public.secrets!"),
  judged("select json_object('a': (select value from secrets where id = 1))", "read: read public.secrets"),
  judged("select xmlforest((select value from secrets where id = 1) as v)", "read: read public.secrets"),
  judged("select 1 from orders tablesample system (10) where id = 1", "read: read public.orders"),
  judged(
    "select * from orders tablesample bernoulli ((select count(*) from secrets)) where id = 1",
    "read: read public.orders, read public.secrets",
  ),
  judged("select * from generate_series(1, (select count(*) from secrets)) g", "read: read public.secrets"),
  judged(
    "select * from rows from (generate_series(1, 2), unnest(array(select id from secrets))) as r(a, b)",
    "read: read public.secrets!",
  ),
  judged(
    "select * from xmltable('/a' passing (select value::xml from secrets where id = 1) columns x text path 'b')",
    "read: read public.secrets",
  ),
  judged(
    "select * from json_table((select value::jsonb from secrets where id = 1), '$' columns (x text path '$.b'))",
    "read: read public.secrets",
  ),
  judged(
    "select o.id, s.value from orders o, lateral (select value from secrets where id = o.id) s where o.id = 1",
    "read: read public.orders, read public.secrets",
  ),
  judged(
    "select grouping(status), count(*) from orders where id = 1 group by grouping sets ((status), ())",
    "read: read public.orders",
  ),
  judged("select distinct on (status) * from orders", "read: read public.orders!"),
  judged(
    "select id from orders where id = 1 union all select id from customers where id = 2",
    "read: read public.orders, read public.customers",
  ),
  judged(
    "select id from orders where id = 1 intersect (select id from secrets)",
    "read: read public.orders, read public.secrets!",
  ),
  judged(
    "(select id from orders) except (select id from customers) limit 3",
    "read: read public.orders, read public.customers",
  ),
  judged("select o from orders o where o.id = 1", "read: read public.orders"),
  judged("select (o).total from orders o where o.id = 1", "read: read public.orders"),
  judged(
    "select * from (orders o join customers c on c.id = o.customer_id) as j(a) where j.a = 1",
    "read: read public.orders, read public.customers",
  ),
  judged(
    "select * from orders natural join customers where orders.id = 1",
    "read: read public.orders, read public.customers",
  ),
  judged("select id::regclass from orders where id = 1", "read: read public.orders"),
  judged("select extract(year from placed_at) from orders where id = 1", "read: read public.orders"),
  judged('select total collate "C" from orders where id = 1', "read: read public.orders"),
  judged("select details->'a'->>'b', details @> '{}' from orders where id = 1", "read: read public.orders"),
  judged(
    "select overlay(note placing 'x' from 1), trim(both from note), position('a' in note) from orders where id = 1",
    "read: read public.orders",
  ),

  // Rows locked, and relations
  judged("select * from orders where id = 1 for update", "read: read public.orders, lock public.orders"),
  judged(
    "select * from orders o join customers c on c.id = o.customer_id where o.id = 1 for share of c",
    "read: read public.orders, read public.customers, lock public.customers",
  ),
  judged(
    "select * from (select * from orders where id = 1) x for no key update",
    "read: read public.orders, lock public.orders",
  ),
];
