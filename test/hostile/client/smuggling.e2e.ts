/** Every way to a forbidden table that a text can take, in the words of a role whom the database itself would let through. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { message } from "#core/wire/postgres/fields.ts";
import { connect } from "#tools/postgres/client.ts";
import { sharedUpstream, startRig, until } from "#test/gateway/support/in-process.ts";
import { policy } from "#test/gateway/support/kinds.ts";
import { B, brief, E, P, Q, S, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { directClient, say, shows, type Step } from "../support/attack.ts";

const CANARY = "canary-vault-3391";

/** A text in other bytes than UTF-8. */
const bytes = (...parts: readonly (string | number)[]): Buffer =>
  message(
    "Q",
    ...parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.of(part))),
    Buffer.of(0),
  );
const texts = (...each: readonly string[]): readonly Step[] => each.map((text) => [Q(text)]);

const ATTACKS: Readonly<Record<string, readonly Step[]>> = {
  "its name as it is": texts("select v from secrets"),
  "letters and quotes": texts('SELECT V FROM pUbLiC . "secrets"'),
  "escapes in names": texts('select v from U&"\\0073ecrets"'),
  "escapes in names by another sign": texts(`select v from U&"!0073ecrets" uescape '!'`),
  "its database before it": texts("select v from postgres.public.secrets"),
  "comments inside comments": texts("select /* /* -- */ ' */ v from/**/secrets"),
  "a comment that a carriage return ends": texts("select 1 --\r as one; select v from secrets"),
  "quotes inside dollars": texts("select $a$ ' -- $a$ as a, v from secrets"),
  "the second of two": texts("select id from orders limit 1; select v from secrets"),
  "behind empty statements": texts(";;;;select v from secrets"),
  "a common table of its name elsewhere": texts(
    "with x as (with secrets as (select 'no' as v) select v from secrets) select v from secrets",
  ),
  "a temporary table that is gone": texts(
    "begin; create temp table secrets (v text); rollback; select v from secrets",
  ),
  "a temporary table that was dropped": texts(
    "create temp table secrets (v text)",
    "drop table pg_temp.secrets; select v from secrets",
  ),
  "a temporary table made of it": texts("create temp table mine as table secrets", "select * from mine"),
  "a table made of it": texts("select v into temp theirs from secrets", "select * from theirs"),
  "a copy": texts(
    "create temp table copied (v text)",
    "insert into copied select v from secrets; table copied",
  ),
  "a view": texts("create temp view seen as select v from secrets", "select * from seen"),
  "a function": texts(
    "create function scratch.peek() returns text language sql as 'select v from public.secrets'",
    "select scratch.peek()",
  ),
  "a function in the place of a harmless one": texts(
    "create function scratch.upper(int) returns text language sql as 'select v from public.secrets'",
    "set search_path = scratch, public",
    "select upper(1)",
  ),
  "an operator": texts(
    "create function scratch.plus(text, int) returns text language sql as 'select v from public.secrets'",
    "create operator scratch.+ (leftarg = text, rightarg = int, function = scratch.plus)",
    "select 'a'::text operator(scratch.+) 1",
  ),
  "code without a name": texts(
    "do $$ begin raise notice '%', (select v from public.secrets limit 1); end $$",
  ),
  "a query in a string": texts("select query_to_xml('select v from secrets', true, true, '')"),
  "a table in a string": texts("select table_to_xml('secrets', true, true, '')"),
  "a trigger": texts(
    "create temp table told (v text)",
    "create function scratch.tell() returns trigger language plpgsql as 'begin new.v = (select v from public.secrets limit 1); return new; end'",
    "create trigger tell before insert on told for each row execute function scratch.tell()",
    "insert into told values ('') returning v",
  ),
  "a rule": texts(
    "create temp table ruled (v text)",
    "create rule r as on insert to ruled do instead select v from public.secrets",
    "insert into ruled values ('')",
  ),
  "a default": texts(
    "create function scratch.given() returns text language sql as 'select v from public.secrets'",
    "create temp table filled (id int, v text default scratch.given())",
    "insert into filled (id) values (1) returning v",
  ),
  "another search path": texts("set search_path = public", "select v from secrets"),
  "a search path of the transaction": texts("begin; set local search_path = public; select v from secrets"),
  "a search path by a function": texts("select set_config('search_path', 'public', false)", "table secrets"),
  "strings that end elsewhere": texts(
    "set standard_conforming_strings = off",
    "select 'a\\'' , v from secrets -- '",
  ),
  "strings that end elsewhere, by a function": texts(
    "select set_config('standard_conforming_strings', 'off', false)",
    "select 'a\\'' , v from secrets -- '",
  ),
  "strings that end elsewhere, in one text": texts(
    "update pg_settings set setting = 'off' where name = 'standard_conforming_strings'",
    "select 'a\\'' , v from secrets -- '",
  ),
  "another encoding": [
    [Q("set client_encoding = 'SJIS'")],
    [bytes("select E'", 0x83, 0x5c, "' , v from secrets -- '")],
  ],
  "another encoding by its other name": [
    [Q("set names 'SJIS'")],
    [bytes("select E'", 0x83, 0x5c, "' , v from secrets -- '")],
  ],
  "a prepared statement": texts("prepare p as select v from secrets", "execute p"),
  "prepared and run in one": texts("prepare p as select v from secrets; execute p"),
  "prepared by the protocol": [[P("select v from secrets", "s"), B("", "s"), E(), S]],
  "prepared by the protocol, run by SQL": [[P("select v from secrets", "s"), S], [Q("execute s")]],
  "prepared when its names were others": [
    [Q("create temp table secrets (v text)")],
    [P("select v from secrets", "s"), S],
    [Q("drop table pg_temp.secrets")],
    [B("", "s"), E(), S],
  ],
  "a cursor": texts("begin; declare c cursor for select v from secrets; fetch c"),
  "a cursor as XML": texts(
    "begin; declare c cursor for select v from secrets; select cursor_to_xml('c', 1, true, true, '')",
  ),
  "COPY of the table": texts("copy secrets to stdout"),
  "COPY of a query": texts("copy (select v from secrets) to stdout"),
  "an output": texts("select (select v from secrets limit 1)"),
  "an array": texts("select array(select v from secrets)"),
  VALUES: texts("values ((select v from secrets limit 1))"),
  "a join": texts("select s.v from orders o join secrets s on true limit 1"),
  LATERAL: texts("select l.v from orders, lateral (select v from secrets) l limit 1"),
  "a union": texts("select customer from orders where false union all select v from secrets"),
  "a whole row": texts("select s from secrets s"),
  "a row as JSON": texts("select row_to_json(s) from secrets s"),
  RETURNING: texts(
    "create temp table r (id int)",
    "insert into r values (1) returning (select v from secrets limit 1)",
  ),
  "USING of a delete": texts(
    "begin; delete from orders o using secrets s where o.id = 1 returning s.v; rollback",
  ),
  "FROM of an update": texts(
    "begin; update orders o set total = 0 from secrets s where o.id = 1 returning s.v; rollback",
  ),
  MERGE: texts(
    "create temp table m (v text)",
    "merge into m using secrets s on false when not matched then insert values (s.v)",
    "table m",
  ),
  "another role": texts("set role deputy", "select v from vault"),
  "another role for the transaction": texts("begin; set local role deputy; select v from vault"),
  "another role by a function": texts("select set_config('role', 'deputy', false)", "select v from vault"),
  "a setting of the role, for the next session": texts(
    "alter role orders_agent set search_path = scratch; select v from secrets",
  ),
};

const HONEST: readonly (readonly [string, readonly Step[]])[] = [
  ["C(SELECT 1)", texts("select customer from orders where id = 1 -- not from secrets")],
  ["C(CREATE TABLE)", texts("create temp table own (v text)")],
  ["C(SELECT 1)", texts("with secrets as (select 1 as v) select v from secrets")],
  ["C(FETCH 1)", texts("begin; declare c cursor for select id from orders; fetch c")],
  ["C(SELECT 1)", texts("prepare p as select id from orders where id = 1", "execute p")],
  ["C(SELECT 1)", texts("set search_path = public", "select id from orders where id = 1")],
  ["C(SELECT 1)", texts("select 'secrets', U&'\\0073ecrets', $a$ from secrets $a$")],
];

test("texts that mean a forbidden table", { skip: skipWithoutPostgres(18) }, async (context) => {
  const server = await sharedUpstream();
  await using root = await connect(server);
  await root.query(`
    create role deputy;
    grant deputy to orders_agent with inherit false;
    create table secrets (v text);
    insert into secrets values ('${CANARY}');
    grant select on secrets to orders_agent;
    create table vault (v text);
    insert into vault values ('${CANARY}');
    grant select on vault to deputy;
    create schema scratch authorization orders_agent`);
  const verbs = ["read", "insert", "update", "delete", "ddl", "copyOut", "session", "transaction"];
  const work = {
    name: "work",
    postgres: { statements: verbs, tables: ["public.*", "scratch.*", "pg_temp.*"] },
  };
  const deny = [{ name: "secrets", postgres: { tables: ["public.secrets"] } }];
  const rig = await startRig(context, { policies: [policy({ allow: [work], deny })] });

  let attacks = 0;
  for (const [what, steps] of Object.entries(ATTACKS))
    await context.test(what, async () => {
      const direct = await directClient(server, "orders_agent");
      assert.equal(
        shows(await say(direct, steps), CANARY),
        true,
        "the attack does not work on a server alone",
      );
      direct.close();
      await root.query(
        "drop schema if exists scratch cascade; create schema scratch authorization orders_agent; alter role orders_agent reset all",
      );
      const client = await wireClient(rig.port);
      const heard = await say(client, steps);
      assert.equal(shows(heard, CANARY), false, brief(heard));
      assert.match(brief(heard), /E\(42501\)/);
      client.close();
      attacks += 1;
    });

  await context.test("the nearest that is honest works", async () => {
    for (const [last, steps] of HONEST) {
      const client = await wireClient(rig.port);
      const heard = brief(await say(client, steps));
      assert.equal(heard.includes(last) && !heard.includes("E("), true, heard);
      client.close();
    }
  });

  await context.test("each attack is on record as refused", async () => {
    let sessions = new Set<unknown>();
    await until(async () => {
      const denied = (await rig.events()).filter(
        ({ kind, outcome }) => kind === "request" && outcome === "deny",
      );
      sessions = new Set(denied.map(({ session }) => session));
      return sessions.size >= attacks;
    });
    assert.equal(sessions.size, attacks);
  });
});
