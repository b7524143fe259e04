import { judged, type StatementCase } from "./case.ts";

/** Texts made to be misread. */
export const HOSTILE: readonly StatementCase[] = [
  judged("", "nothing"),
  judged("   \n\t", "nothing"),
  judged("-- nothing here", "nothing"),
  judged("/* /* nested */ */ ;;;", "nothing"),
  judged("select 1\0; drop table orders", "unknown: ?NUL_IN_TEXT"),
  judged("select 'a\0b'", "unknown: ?NUL_IN_TEXT"),
  judged("IDENTIFY_SYSTEM", "unknown: ?SYNTAX_ERROR"),
  judged("START_REPLICATION SLOT s LOGICAL 0/0", "unknown: ?SYNTAX_ERROR"),
  judged("selec 1", "unknown: ?SYNTAX_ERROR"),
  judged("select 'open", "unknown: ?SYNTAX_ERROR"),
  judged("/* open", "unknown: ?SYNTAX_ERROR"),
  judged("select 1; selec 2", "unknown: ?SYNTAX_ERROR"),
  // With standard_conforming_strings on, as the gateway sees to, these are what they seem here.
  judged("select 'a\\'; drop table orders; --'", "read:; ddl: ddl public.orders"),
  judged("select E'a\\'; drop table orders; --'", "read:"),
  judged("select $$; drop table orders; $$", "read:"),
  judged("select $a$ $$ ; drop table orders $$ $a$", "read:"),
  judged("select '/*'; delete from orders; --*/'", "read:; delete: delete public.orders!"),
  judged("select 1 --\n; delete from orders", "read:; delete: delete public.orders!"),
  judged("select/**/*/**/from/**/secrets/**/limit/**/1", "read: read public.secrets"),
  // Where the parser looks ahead, a remark is no reason to refuse.
  judged("select id from orders where id not /* '; -- */ in (1)", "read: read public.orders"),
  judged(
    "select id from orders where note = 'a' --'\n 'b'; delete from orders",
    "read: read public.orders; delete: delete public.orders!",
  ),
  judged(`select value from U&"s!0065crets" /* so */ uescape '!'`, "read: read public.secrets!"),
  judged("select id from orders where id not /* in (1)", "unknown: ?SYNTAX_ERROR"),
  judged("select U&'d\\0061t\\+000061'", "read:"),
  judged(
    "select * from orders where id = 1; delete from orders",
    "read: read public.orders; delete: delete public.orders!",
  ),
  judged("select * from orders where id = 1;", "read: read public.orders"),
  judged(
    "select 1 from orders where id = 1 union select value::int from secrets",
    "read: read public.orders, read public.secrets!",
  ),
  judged("SELECT * FROM orders WHERE id = '1' OR '1'='1'", "read: read public.orders!"),
  judged("select * from orders where id = 1; --", "read: read public.orders"),
  judged("﻿select 1", "unknown: ?SYNTAX_ERROR"),
  judged("select 1 from “orders”", "read: read public.“orders”!", { notRun: "no such relation" }),
  judged("select * from оrders limit 1", "read: read public.оrders", {
    notRun: "a Cyrillic letter: no such relation",
  }),
  judged("select 'ünïcödé', '🦊'; select 2 from orders", "read:; read: read public.orders!"),
  // Values of secrets, under a name that does not say so.
  judged("select * from pg_toast.pg_toast_16400", "read: read pg_toast.pg_toast_16400!, ?EXTERNAL_DATA"),
];
