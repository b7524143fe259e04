import { judged, type StatementCase } from "./case.ts";

const literal = (condition: string, isOpen: boolean): StatementCase =>
  judged(`select id from customers where ${condition}`, `read: read public.customers${isOpen ? "!" : ""}`);

/** Conditions of literals, where PostgreSQL reads them otherwise than JavaScript does. */
export const LITERAL_CONDITIONS: readonly StatementCase[] = [
  literal("'1_000' = 1000", true),
  literal("1_000.5 > 5", true),
  literal("9007199254740993 <> 9007199254740992", true),
  literal("'9007199254740993' <> 9007199254740992", true),
  literal("0.10000000000000000001 <> 0.1", true),
  literal("1e400 <> 1e401", true),
  literal("1e-400 > 0", true),
  literal("0.0 <> '1e-400'", true),
  literal("(-2.5)::int = -3", true),
  literal("(-0.5)::int4 < 0", true),
  literal("1 in (null, 1)", true),
  literal("1 in (1, null)", true),
  literal("'a' in ('a', null)", true),
  literal("'2' in (1, '02')", true),
  literal("coalesce('1', 2) = '01'", true),
  literal("coalesce('t', true) = 'true'", true),
  literal("'a'::char(1) = 'a   '::bpchar", true),
  literal("2 not in (1, null)", false),
  literal("2 in (1, null)", false),
  literal("'x' in ('a', 'b')", false),
  literal("2 = '3'", false),
  literal("1.50 <> '1.5'", false),
  literal("true = 'off'", false),
  literal("'1'::int > 1", false),
  judged(
    "select id from customers where 1 operator(public.=) 2",
    "read: read public.customers!, op public.=",
  ),
];
