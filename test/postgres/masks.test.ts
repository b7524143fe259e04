/** What masks put in the place of values, in every form in which a value can come back. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ColumnMask } from "#core/policy/decision.ts";
import { connect as connectAdmin, type Session } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Gateway, startGateway } from "./support/gateway.ts";
import {
  B,
  brief,
  C,
  D,
  E,
  errorOf,
  P,
  Q,
  S,
  valuesOf,
  type WireClient,
  wireClient,
} from "./support/wire.ts";

const EMAIL: ColumnMask = { schema: "public", table: "people", column: "email", action: "redact" };
const AGE: ColumnMask = { schema: "public", table: "people", column: "age", action: "redact" };
const NOTE: ColumnMask = { schema: "*", table: "people", column: "note", action: "nullify" };
const NOTES: ColumnMask[] = ["big", "many"].map((table) => ({ ...NOTE, table }));

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let gateway: Gateway;
    let admin: Session;
    const obligations = { mask: [EMAIL, AGE, NOTE, ...NOTES] };
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query(`
        create table people (id int primary key, email text not null, age int, note text, code varchar(2), city text);
        create table plain (id int, email text);
        create schema elsewhere;
        create table elsewhere.people as select 'open'::text as email;
        create table big (id int, blob text, note text);
        create table many as select n as id, 'm' || n as note, repeat('x', 2000) as pad from generate_series(1, 15000) n;
        insert into people select n, 'p' || n || '@example.com', 20 + n, 'note ' || n, 'ab', 'Riga' from generate_series(1, 3) n;
        insert into plain values (1, 'open@example.com')`);
      gateway = await startGateway({ server, obligations });
    });
    after(async () => {
      await admin?.[Symbol.asyncDispose]();
      await gateway?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    const rowsOf = async (client: WireClient, ...messages: Buffer[]): Promise<(string | null)[][]> => {
      client.send(...messages);
      const heard = await client.untilReady();
      const rows = heard.filter(({ type }) => type === "D").map(valuesOf);
      if (rows.length === 0) return [[brief(heard)]];
      return rows;
    };
    const once = async (...messages: Buffer[]): Promise<(string | null)[][]> => {
      const client = await wireClient(gateway.port);
      try {
        return await rowsOf(client, ...messages);
      } finally {
        client.close();
      }
    };

    test("simple queries: text is starred, other types are NULL, the rest passes", async () => {
      assert.deepEqual(await once(Q("select id, email, age, note, city from people where id = 1")), [
        ["1", "***", null, null, "Riga"],
      ]);
      assert.deepEqual(await once(Q("select * from people where id = 2")), [
        ["2", "***", null, null, "ab", "Riga"],
      ]);
      assert.deepEqual(await once(Q("select e.email as x from (select email from people) e limit 1")), [
        ["***"],
      ]);
      assert.deepEqual(await once(Q("select email from plain")), [["open@example.com"]]);
    });

    test("what is prepared once is masked as what its names stand for when it runs", async () => {
      const client = await wireClient(gateway.port);
      const run = (...messages: Buffer[]) => rowsOf(client, ...messages, S);
      await rowsOf(client, Q("prepare sp as select city from people where id = 1"));
      assert.deepEqual(await run(P("execute sp", "again"), D("S", "again"), B("", "again"), E()), [["Riga"]]);
      await rowsOf(client, Q("deallocate sp; prepare sp as select email from people where id = 1"));
      assert.deepEqual(await run(B("", "again"), E()), [["***"]]);
      // Bound before, and executed behind, a change of what the name stands for.
      await rowsOf(client, Q("deallocate sp; prepare sp as select city from people where id = 1"));
      const rebound = await run(
        P("deallocate sp"),
        P("prepare sp as select email from people where id = 1", "make"),
        B("late", "again"),
        B(),
        E(),
        P("deallocate sp"),
        B(),
        E(),
        B("", "make"),
        E(),
        E("late"),
      );
      assert.ok(!rebound.flat().some((value) => value?.includes("example.com")), JSON.stringify(rebound));

      await rowsOf(client, Q("begin; declare cur cursor for select city from people where id = 1"));
      assert.deepEqual(await run(P("fetch all from cur", "fetching"), B("", "fetching"), E()), [["Riga"]]);
      await rowsOf(client, Q("close cur; declare cur cursor for select email from people where id = 1"));
      assert.deepEqual(await run(B("", "fetching"), E()), [["***"]]);
      client.close();
    });

    test("what is prepared under one search path is masked as what it reads under another", async () => {
      const client = await wireClient(gateway.port);
      const run = (...messages: Buffer[]) => rowsOf(client, ...messages, S);
      await rowsOf(client, Q("set search_path to elsewhere, public"));
      assert.deepEqual(await run(P("select email from people", "named"), B("", "named"), E()), [["open"]]);
      await rowsOf(client, Q("set search_path to public"));
      assert.deepEqual(new Set((await run(B("", "named"), E())).flat()), new Set(["***"]));
      client.close();
    });

    test("extended queries, however the client asks: described or not, named, text and binary, both column orders", async () => {
      const client = await wireClient(gateway.port);
      const text = "select id, email, age from people where id = 3";
      assert.deepEqual(await rowsOf(client, P(text), B(), D("P"), E(), S), [["3", "***", null]]);
      assert.deepEqual(await rowsOf(client, P(text), D("S"), B(), E(), S), [["3", "***", null]]);
      assert.deepEqual(await rowsOf(client, P(text), B(), E(), S), [["3", "***", null]]);
      assert.deepEqual(await rowsOf(client, P(text, "n"), B("", "n"), E(), S), [["3", "***", null]]);
      assert.deepEqual(await rowsOf(client, B("", "n"), E(), S), [["3", "***", null]]);
      const binary = await rowsOf(
        client,
        P("select age, email, id from people where id = 3"),
        B("", "", [], true),
        E(),
        S,
      );
      assert.deepEqual(binary, [[null, "***", "\0\0\0\u0003"]]);
      client.close();
    });

    test("what nobody asked for does not reach the client: the description is ours", async () => {
      const client = await wireClient(gateway.port);
      assert.equal(
        await client.talk(P("select email from people limit 1", "q"), B("", "q"), E(), S),
        "1 2 D C(SELECT 1) Z(I)",
      );
      assert.equal(await client.talk(B("", "q"), D("P"), E(), C("S", "q"), S), "2 T D C(SELECT 1) 3 Z(I)");
      client.close();
    });

    test("RETURNING, cursors, prepared statements of SQL and parts of portals are masked", async () => {
      const client = await wireClient(gateway.port);
      assert.deepEqual(
        await rowsOf(client, Q("begin; declare c cursor for select email from people; fetch 1 from c")),
        [["***"]],
      );
      assert.deepEqual(
        await rowsOf(client, Q("prepare ps as select email from people where id = 1; execute ps")),
        [["***"]],
      );
      client.send(P("select email from people"), B("p"), E("p", 1), E("p", 1), S);
      const parts = await client.untilReady();
      assert.equal(brief(parts), "1 2 D s D s Z(T)");
      assert.deepEqual(parts.filter(({ type }) => type === "D").map(valuesOf), [["***"], ["***"]]);
      assert.deepEqual(
        await rowsOf(
          client,
          P("update people set city = 'Oslo' where id = 1 returning id, email"),
          B(),
          E(),
          S,
        ),
        [["1", "***"]],
      );
      await client.talk(Q("rollback"));
      client.close();
    });

    test("an output that could show a masked value is refused; one that cannot passes", async () => {
      for (const text of [
        "select lower(email) from people",
        "select people from people",
        "select row_to_json(p) from people p",
        "select max(age) from people",
        "select email || city from people",
        "copy people to stdout",
        "copy (select email from people) to stdout",
      ]) {
        assert.match((await once(Q(text))).join(), /^(?:T )?E\(42501\) Z\(I\)$/, text);
        assert.match((await once(P(text), B(), E(), S)).join(), /^1 2 E\(42501\) Z\(I\)$/, text);
      }
      assert.deepEqual(await once(Q("select count(*) from people")), [["3"]]);
      assert.deepEqual(await once(Q("select upper(city) from people where id = 2")), [["RIGA"]]);
      const client = await wireClient(gateway.port);
      assert.equal(
        await client.talk(Q("copy (select id from people) to stdout")),
        "H d d d c C(COPY 3) Z(I)",
      );
      client.close();
    });

    test("a change whose result may not be shown is not made", async () => {
      for (const messages of [
        [Q("update people set city = 'gone' returning lower(email)")],
        [P("update people set city = 'gone' returning lower(email)"), B(), E(), S],
        [Q("select 1; update people set city = 'gone' returning email")],
      ])
        assert.match((await once(...messages)).join(), /E\(42501\) Z\(I\)$/);
      assert.deepEqual(await admin.query("select count(*)::int as n from people where city = 'gone'"), [
        { n: 0 },
      ]);
    });

    test("a change that shows nothing, or what can be masked, is made by a simple query too", async () => {
      const client = await wireClient(gateway.port);
      assert.equal(
        await client.talk(Q("begin"), Q("update people set email = 'new' where id = 1")),
        "C(BEGIN) Z(T) C(UPDATE 1) Z(T)",
      );
      assert.deepEqual(
        await rowsOf(client, Q("update people set email = 'newer' where id = 1 returning id, email")),
        [["1", "***"]],
      );
      // What the server cannot parse is told as it would be without masks.
      assert.equal(
        await client.talk(Q("update people set email = nowhere returning email"), Q("rollback")),
        "E(42703) Z(E) C(ROLLBACK) Z(I)",
      );
      client.close();
    });

    test("a refused result inside a transaction aborts it", async () => {
      const client = await wireClient(gateway.port);
      assert.equal(
        await client.talk(
          Q("begin"),
          Q("insert into plain values (2)"),
          Q("select lower(email) from people"),
        ),
        "C(BEGIN) Z(T) C(INSERT 0 1) Z(T) T E(42501) Z(E)",
      );
      assert.equal(await client.talk(Q("commit")), "C(ROLLBACK) Z(I)");
      client.close();
      assert.deepEqual(await admin.query("select count(*)::int as n from plain"), [{ n: 1 }]);
    });

    test("errors and notices keep their code and lose the values", async () => {
      const client = await wireClient(gateway.port);
      for (const [text, code] of [
        ["select email::int from people", "42501|22P02"],
        ["select id from people where email::int = 1", "22P02"],
        ["insert into people values (1, 'p1@example.com')", "23505"],
        ["insert into people (id) values (77)", "23502"],
      ] as const) {
        client.send(Q(text));
        const error = errorOf(await client.untilReady());
        assert.match(error.get("C") ?? "", new RegExp(`^(?:${code})$`));
        assert.doesNotMatch([...error.values()].join(), /example\.com|\(1\)|77/, text);
      }
      client.send(Q("insert into plain values ('x')"));
      assert.match(errorOf(await client.untilReady()).get("M") ?? "", /"x"/);
      client.close();
    });

    test("masked values are counted", async () => {
      const client = await wireClient(gateway.port);
      await client.talk(Q("select email, note from people"));
      assert.deepEqual(gateway.tap.results.at(-1), {
        request: 0,
        ended: "complete",
        rows: 3,
        bytes: gateway.tap.bytes,
        maskedValues: 6,
      });
      client.close();
    });

    test("a value behind or before a large one is masked while the row streams", async () => {
      await admin.query("insert into big values (1, repeat('b', 3000000), 'secret note')");
      for (const columns of ["note, blob", "blob, note", "blob, note, blob"]) {
        const [row = []] = await once(Q(`select ${columns} from big`));
        assert.equal(row.filter((value) => value === null).length, 1, columns);
        assert.ok(
          row.filter((value) => value !== null).every((value) => value === "b".repeat(3_000_000)),
          columns,
        );
      }
    });

    test("masks that come into force in the middle of a result hold from the next rows on", async () => {
      await using changing = await startGateway({ server });
      const client = await wireClient(changing.port);
      client.socket.pause();
      client.send(Q("select note, pad from many"));
      await untilBlocked(admin);
      changing.tap.set({ mask: NOTES });
      changing.tap.changed();
      client.socket.resume();
      const values = (await client.untilReady())
        .filter(({ type }) => type === "D")
        .map((row) => valuesOf(row)[0]);
      assert.equal(values.length, 15_000);
      const first = values.indexOf(null);
      assert.ok(first > 0 && first < 15_000, `masked from row ${first}`);
      assert.ok(values.slice(first).every((value) => value === null));
      client.close();
    });
  });

/** The server waits for the client to take its rows. */
async function untilBlocked(admin: Session): Promise<void> {
  for (;;) {
    const [row] = await admin.query(
      "select count(*)::int as n from pg_stat_activity where wait_event = 'ClientWrite'",
    );
    if (row?.["n"] === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
