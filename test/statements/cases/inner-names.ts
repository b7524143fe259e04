import { judged, type StatementCase } from "./case.ts";

const WHOLE = "read: read public.secrets!, read public.orders";
const PART = "read: read public.secrets, read public.orders";

/** A subquery's own items hide those of the same name around it. */
export const INNER_NAMES: readonly StatementCase[] = [
  judged("select * from secrets o where exists (select from orders o where o.id = 1)", WHOLE),
  judged("select * from secrets o where exists (select from orders x where o.id = x.id and x.id = 1)", PART),
  judged("select * from secrets orders where exists (select from orders where orders.id = 1)", WHOLE),
  judged("select * from secrets o where exists (select from orders x where x.id = 1 and o.* is null)", PART),
  judged("select * from secrets o where 1 in (select o.id from orders o where o.id = 1)", WHOLE),
  judged("select * from secrets o where o.id in (select o.id from orders o where o.id = 1)", PART),
  judged(
    "select * from secrets o where exists (select from (orders o join customers c on o.id = c.id) where o.id = 1)",
    "read: read public.secrets!, read public.orders, read public.customers",
  ),
  judged(
    "select * from secrets g where exists (select from generate_series(1, 2) g where g.g = 1)",
    "read: read public.secrets!",
  ),
  judged("select * from secrets o where exists (select from (select * from orders) o where o.id = 1)", WHOLE),
  judged(
    "select * from secrets o where exists (select from orders o where o.id = 1 union select from orders x where o.id = x.id and x.id = 1)",
    PART,
  ),
  judged(
    "select * from secrets o where exists (select from orders o where o.id = 1 union select from orders o where o.id = 2)",
    WHOLE,
  ),
  // Two levels down it is still the nearest one.
  judged(
    "select * from secrets o where exists (select from orders o where exists (select 1 where o.id = 1))",
    "read: read public.secrets!, read public.orders",
  ),
  // WITH and the items before do not see that FROM; where it cannot be told nothing is narrowed.
  judged(
    "select * from secrets o where exists (with c as (select o.id) select from c, orders o where o.id = 1)",
    PART,
  ),
  judged(
    "select * from secrets o where exists (select from (select o.id) x, orders o where o.id = 1)",
    WHOLE,
  ),
  judged(
    "select * from secrets o where exists (select from (orders o join customers c on true) j where o.id = 1)",
    "read: read public.secrets!, read public.orders, read public.customers",
  ),
  judged(
    "select * from secrets where exists (select from secrets s where public.secrets.id = 1 and s.id = 1)",
    "read: read public.secrets!",
  ),
  // An item that is called like a schema is not one.
  judged("select * from secrets public, orders where public.orders.id = 1", WHOLE),
  // The same name tests what it means, and ties nothing.
  judged(
    "select * from secrets s, orders o where s.id = (select max(o.id) from customers o where o.id = 1)",
    "read: read public.secrets, read public.orders!, read public.customers",
  ),
];
