import { judged, type StatementCase } from "./case.ts";

const WHOLE = "read: read public.customers!";
const PART = "read: read public.customers";

/** Many rows in one value: what leaves rows out above it leaves out none of them. */
export const COLLECTED: readonly StatementCase[] = [
  judged("select json_agg(c) from customers c limit 1", WHOLE),
  judged("select string_agg(email, ',') from customers fetch first 1 rows only", WHOLE),
  judged("select pg_catalog.array_agg(email) filter (where id > 0) from customers limit 1", WHOLE),
  judged("select json_arrayagg(email) from customers limit 1", WHOLE),
  judged("select json_objectagg(id: email) from customers limit 1", WHOLE),
  judged("select jsonb_object_agg(id, email) from customers limit 1", WHOLE),
  judged("select xmlagg(xmlelement(name e, email)) from customers limit 1", WHOLE),
  judged(
    "select percentile_disc(array[0.2, 0.4, 0.6, 0.8, 1]) within group (order by email) from customers limit 1",
    WHOLE,
  ),
  judged("select string_agg(email, ',') over () from customers limit 1", WHOLE),
  judged("select parent_id, string_agg(email, ',') from customers group by parent_id limit 1", WHOLE),
  judged("select (array_agg(c))[1] from customers c limit 1", WHOLE),
  judged("select string_agg(email, ',') from customers union all select 'x' limit 1", WHOLE),
  judged("select * from (select string_agg(email, ',') from customers) x limit 1", WHOLE),
  judged("select * from (select string_agg(email, ',') e from customers) x where e <> ''", WHOLE),
  judged("select max(e) from (select string_agg(email, ',') e from customers) x", WHOLE),
  judged("select json_agg(c) from (select * from customers) c limit 1", WHOLE),
  judged("with c as (table customers) select json_agg(c) from c limit 1", WHOLE),
  judged("with c as (select json_agg(c) from customers c) select * from c limit 1", WHOLE),
  judged("select c.json_agg from customers c limit 1", WHOLE),
  judged("select (c).array_agg from customers c limit 1", WHOLE),
  judged("select (row(c.id, c.email)).jsonb_agg from customers c limit 1", WHOLE),
  // The aggregate belongs to the query whose columns it takes.
  judged("select (select string_agg(c.email, ',')) from customers c limit 1", WHOLE),
  judged("select array(select email from customers) limit 1", WHOLE),
  judged("select json_array(select email from customers) limit 1", WHOLE),
  judged("select u from unnest(array(select email from customers)) u limit 1", WHOLE),
  judged(
    "select e from orders, lateral (select json_agg(c) e from customers c) x where orders.id = 1 limit 1",
    "read: read public.orders, read public.customers!",
  ),
  judged(
    "select json_agg(c) from orders o, customers c where o.id = 1 limit 1",
    "read: read public.orders, read public.customers!",
  ),
  judged(
    "insert into staging (status) select string_agg(email, ',') from customers limit 1",
    "insert: insert public.staging, read public.customers!",
  ),
  judged(
    "with d as (delete from orders where id = 5 returning *) select json_agg(d) from d limit 1",
    "read: delete public.orders, read public.orders",
  ),
  judged(
    "copy (select string_agg(email, ',') from customers limit 1) to stdout",
    "copyOut: read public.customers!, copyOut public.customers!",
    { notRun: "a simple client does not take its rows" },
  ),

  // What was narrowed before it was collected is narrow.
  judged("select json_agg(c) from customers c where id = 1", PART),
  judged("select json_agg(c) from (select * from customers limit 5) c", PART),
  judged("select json_agg(c) from customers c where false", PART),
  judged("select array(select email from customers limit 5) limit 1", PART),
  judged(
    "select id from customers where email = (select string_agg(email, ',') from customers) limit 1",
    PART,
  ),
  // A summary is one value of a row, or none.
  judged("select count(*) from customers", PART),
  judged("select count(*), max(id) from customers limit 1", PART),
  judged("select max(email) over () from customers limit 1", PART),
  judged("select parent_id, count(*) from customers group by parent_id limit 10", PART),
  judged("select 1 from customers having string_agg(email, ',') <> '' limit 1", PART),
];
