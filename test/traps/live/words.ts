/** Values that leave by other ways than rows: in errors, notices, notifications, plans and the server's own log lines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serialize } from "pg-protocol";
import { B, D, E, errorOf, type Message, P, Q, S } from "#test/postgres/support/wire.ts";
import { CANARY, hear, shownNothing, type Stage } from "../support/stage.ts";

const noticesOf = (heard: readonly Message[]): string =>
  heard
    .filter(({ type }) => type === "N")
    .map(({ bytes }) => bytes.toString("latin1"))
    .join();

/** Each by a Query and by Parse, Bind, Execute. */
const bothWays = (text: string): Buffer[][] => [[Q(text)], [P(text), B(), D("P"), E(), S]];

export function wordTraps(there: () => Stage): void {
  test("trap 21: errors keep their code and lose the values that they quote, also where they come late", async () => {
    const copying = "update deferred set email = (select email from deferred where id = 1) where id = 2";
    for (const [code, ...steps] of [
      ["22P02", [Q("select id from people where email::int = 1")]],
      ["22P02", [Q("select id from people where ('x' || email)::uuid is null")]],
      ["22007", [Q("select id from people where email::date is null")]],
      ["42704", [Q("select id from people where email::regrole is null")]],
      ["23505", [Q("insert into people values (1, 'x', 'y')")]],
      ["23502", [Q("insert into people (email) select email from people")]],
      [
        "23505",
        [Q("insert into people (id, email, city) select 9, email, email::varchar(2)::char(1) from people")],
      ],
      ["23505", [Q(copying)]],
      ["23505", [Q("begin")], [Q(copying)], [Q("commit")]],
      ["23505", [Q("begin")], [Q(copying)], [Q("set constraints all immediate")]],
      ["23502", [Q("delete from parents where id = 1")]],
      ["23502", [P("delete from parents where id = 1"), B(), E(), S]],
      ["22P02", [Q("insert into converted values (1)")]],
      ["23505", [P(copying), B(), E(), S]],
      ["23505", [Q("begin")], [P(copying), B(), E(), S], [P("commit"), B(), E(), S]],
      ["23505", [Q(`begin; ${copying}; commit`)]],
    ] as const) {
      const told = await shownNothing(there(), ...steps);
      assert.match(told, new RegExp(`^(?:${code}|42501)|^$`), steps.map(String).join());
    }
  });

  test("trap 21: code that raises what it has read raises its code only, whatever SQLSTATE it chooses", async () => {
    for (const state of ["P0001", "23505", "42501", "42703", "53000", "57014", "40001", "22P02"]) {
      for (const step of bothWays(`select fail('${state}')`)) await shownNothing(there(), step);
      const raise = `do $$ begin perform fail('${state}'); end $$`;
      const told = await shownNothing(there(), [Q(raise)]);
      assert.match(told, new RegExp(`^${state} `));
    }
  });

  test("trap 21: what stands in notices of code that can read a masked column is withheld", async () => {
    for (const text of [
      "select tell()",
      "do $$ begin perform tell(); end $$",
      "select id from plain where tell() = 1",
    ])
      for (const step of bothWays(text)) await shownNothing(there(), step);
    // Words that say nothing of values stay.
    assert.match(
      await shownNothing(there(), [Q("delete from parents where id = 1")]),
      /violates not-null constraint/,
    );
    const copied = [
      Q("copy people from stdin"),
      serialize.copyData(Buffer.from("1\tx\ty\n")),
      serialize.copyDone(),
    ];
    assert.match(await shownNothing(there(), copied), /violates unique constraint "people_pkey"/);
    // Without masks a notice says all it says.
    const client = await there().client(there().open);
    assert.match(noticesOf(await hear(client, Q("select tell()"))), CANARY);
    client.close();
  });

  test("trap 21: what the owner's triggers say is theirs: notices and notifications pass", async () => {
    const client = await there().client(there().masked);
    await hear(client, Q("listen heard"));
    const heard = await hear(client, Q("insert into watched values (1)"));
    assert.match(noticesOf(heard), CANARY);
    const told = heard.some(({ type }) => type === "A")
      ? heard
      : await client.until(({ type }) => type === "A");
    assert.match(Buffer.concat(told.map(({ bytes }) => bytes)).toString("latin1"), CANARY);
    client.close();
  });

  test("trap 22: plans are not shown where they could quote what is masked", async () => {
    for (const text of [
      "explain select email from people",
      "explain (verbose) select id from people where email = 'x'",
      "explain (analyze, verbose) select email from people",
      "explain (analyze, format json) select upper(email) from people",
      "explain verbose update people set city = email",
      "explain (analyze) declare c cursor for select email from people",
      "explain analyze create table kept_plan as select email from people",
    ])
      for (const step of bothWays(text)) assert.match(await shownNothing(there(), step), /^42501/, text);
    assert.match(
      await shownNothing(there(), [Q("prepare q as select email from people")], [Q("explain execute q")]),
      /^42501/,
    );
    assert.match(await shownNothing(there(), [Q("explain (costs off) select id from plain")]), /Seq Scan/);
  });

  test("trap 22: EXPLAIN ANALYZE of a change is that change", async () => {
    const { admin } = there();
    const gateway = await there().gateway({
      judge: ({ accesses }) => (accesses.some(({ verb }) => verb === "insert") ? "no inserts" : undefined),
    });
    const client = await there().client(gateway);
    for (const text of [
      "explain analyze insert into kept values (77)",
      "explain insert into kept values (77)",
      "explain (analyze) with x as (insert into kept values (77) returning n) select * from x",
    ])
      for (const step of bothWays(text))
        assert.equal(errorOf(await hear(client, ...step)).get("C"), "42501", text);
    assert.deepEqual(await admin.query("select 1 as one from kept where n = 77"), []);
    client.close();
  });

  test("trap 22: EXPLAIN ANALYZE whose plan may not be shown changes nothing, and the session goes on", async () => {
    const { admin, masked } = there();
    for (const text of [
      "explain analyze update people set city = 'gone' where email like 'C%'",
      "explain (analyze, verbose) insert into people select id + 100, email, city from people",
      "explain analyze delete from people where email like 'C%'",
    ])
      for (const step of bothWays(text)) {
        const client = await there().client(masked);
        assert.equal(errorOf(await hear(client, ...step)).get("S"), "ERROR", text);
        assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
        client.close();
      }
    const [row] = await admin.query(
      "select count(*)::int as n from people where id < 3 and city in ('Riga', 'Oslo')",
    );
    assert.equal(row?.["n"], 2);
  });

  test("trap 22: nobody turns on what shows the server's own log lines and plans", async () => {
    const client = await there().client(there().strict);
    for (const text of [
      "set client_min_messages = debug5",
      "set local client_min_messages to log",
      "set session client_min_messages = 'debug1'",
      "reset client_min_messages",
      "set client_min_messages to default",
      "select set_config('client_min_messages', 'debug5', false)",
      "select set_config('client_min_' || 'messages', 'debug5', false)",
      "select pg_catalog.set_config(x, 'log', false) from (values ('client_min_messages')) v(x)",
      "update pg_settings set setting = 'debug5' where name = 'client_min_messages'",
      "set debug_print_parse = on",
      "set debug_print_plan = on",
      "set log_statement = 'all'",
      "load 'auto_explain'",
      "set auto_explain.log_min_duration = 0",
      "alter role postgres set client_min_messages = debug5",
      "alter database postgres set client_min_messages = debug5",
      "alter system set client_min_messages = debug5",
    ])
      for (const step of bothWays(text)) {
        const heard = await hear(client, ...step);
        assert.equal(errorOf(heard).get("C"), "42501", text);
        assert.equal(noticesOf(heard), "");
      }
    for (const text of ["set client_min_messages = warning", "reset all", "discard all"])
      assert.equal(errorOf(await hear(client, Q(text))).get("C"), undefined, text);
    client.close();
  });
}
