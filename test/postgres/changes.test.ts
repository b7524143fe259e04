/** Limits that are reached and policies that change in the middle of what is running. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { serialize } from "pg-protocol";
import { connect as connectAdmin, type Session } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { allowAll, type Gateway, type Judge, startGateway } from "./support/gateway.ts";
import { B, brief, E, errorOf, P, Q, S, valuesOf, type WireClient, wireClient } from "./support/wire.ts";

const denyReads: Judge = ({ class: kind }) =>
  ["read", "copyOut", "copyIn", "update"].includes(kind) ? "no longer" : undefined;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let admin: Session;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query("create table kept (n int)");
    });
    after(async () => {
      await admin?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    const limited = (rows: number): Promise<Gateway> =>
      startGateway({ server, judge: allowAll, obligations: { limits: { rows } } });
    const kept = async (): Promise<number> => {
      const [row] = await admin.query(
        "with gone as (delete from kept returning n) select count(*)::int as n from gone",
      );
      return Number(row?.["n"]);
    };

    test("rows end at the limit, to the row, in both protocols, and the session goes on", async () => {
      for (const messages of [
        [Q("select generate_series(1, 100000000)")],
        [P("select generate_series(1, 100000000)"), B(), E(), S],
        [P("select generate_series(1, 100000000)"), B("p"), E("p", 3), E("p", 3), S],
        [Q("copy (select generate_series(1, 100000000)) to stdout")],
      ]) {
        await using gateway = await limited(5);
        const client = await wireClient(gateway.port);
        client.send(...messages);
        const heard = await client.untilReady();
        assert.match(brief(heard), /E\(53400\) Z\(I\)$/);
        assert.equal(heard.filter(({ type }) => type === "D" || type === "d").length, 5);
        assert.equal(errorOf(heard).get("H"), "Ask for fewer rows: narrow WHERE, or add LIMIT.");
        assert.equal(await client.talk(Q("set application_name to 'x'")), "C(SET) S Z(I)");
        assert.equal(
          gateway.tap.results.find(({ ended }) => ended === "limit")?.rows,
          gateway.tap.results.length > 2 ? 2 : 5,
        );
        client.close();
      }
    });

    test("a result that ends just at the limit is whole", async () => {
      await using gateway = await limited(5);
      const client = await wireClient(gateway.port);
      assert.equal(await client.talk(Q("select generate_series(1, 5)")), "T D D D D D C(SELECT 5) Z(I)");
      assert.equal(await client.talk(Q("select 6")), "T E(53400) Z(I)");
      client.close();
    });

    test("bytes end before the value that is too much", async () => {
      await using gateway = await startGateway({ server, obligations: { limits: { bytes: 100_000 } } });
      const client = await wireClient(gateway.port);
      client.send(Q("select repeat('x', 90000) union all select repeat('y', 90000)"));
      const heard = await client.untilReady();
      assert.equal(brief(heard), "T D E(53400) Z(I)");
      // One value that streams in many pieces is weighed by its head.
      assert.equal(await client.talk(Q("select repeat('z', 3000000)")), "T E(53400) Z(I)");
      client.close();
    });

    test("a transaction in which a limit was reached is aborted, even when the statement had ended by then", async () => {
      await using gateway = await limited(1);
      for (const messages of [
        [Q("select generate_series(1, 3)")],
        [P("select generate_series(1, 3)"), B(), E(), S],
      ]) {
        const client = await wireClient(gateway.port);
        await client.talk(Q("begin"), Q("insert into kept values (1)"));
        assert.match(await client.talk(...messages), /E\(53400\) Z\(E\)$/);
        assert.equal(await client.talk(Q("commit")), "C(ROLLBACK) Z(I)");
        client.close();
      }
      assert.equal(await kept(), 0);
    });

    test("what follows a limited result in a pipeline is not carried out", async () => {
      await using gateway = await limited(2);
      const client = await wireClient(gateway.port);
      const insert = [P("insert into kept values (1)"), B(), E()];
      assert.equal(
        await client.talk(...insert, P("select generate_series(1, 9)"), B(), E(), ...insert, S),
        "1 2 C(INSERT 0 1) 1 2 D D E(53400) Z(I)",
      );
      assert.equal(await kept(), 0);
      client.close();
    });

    const streaming = async (gateway: Gateway, ...messages: Buffer[]): Promise<WireClient> => {
      const client = await wireClient(gateway.port);
      client.socket.pause();
      client.send(...messages);
      await untilWaiting(admin, "ClientWrite");
      return client;
    };
    const change = (gateway: Gateway, judge: Judge): void => {
      gateway.tap.judge = judge;
      gateway.tap.changed();
    };

    test("a result that lost its permission stops, in the words of the protocol", async () => {
      for (const messages of [
        [Q("select generate_series(1, 100000000), repeat('x', 1000)")],
        [P("select generate_series(1, 100000000), repeat('x', 1000)"), B(), E(), S],
        [Q("copy (select generate_series(1, 100000000), repeat('x', 1000)) to stdout")],
      ]) {
        await using gateway = await startGateway({ server });
        const client = await streaming(gateway, ...messages);
        change(gateway, denyReads);
        client.socket.resume();
        const heard = await client.untilReady();
        assert.equal(errorOf(heard).get("M"), "a policy change stopped this: no longer");
        assert.equal(brief(heard.slice(-2)), "E(42501) Z(I)");
        assert.equal(await client.talk(Q("set datestyle to iso")), "C(SET) Z(I)");
        assert.equal(gateway.tap.results[0]?.ended, "cancelled");
        client.close();
      }
    });

    test("one that kept its permission goes on", async () => {
      await using gateway = await startGateway({ server });
      const client = await streaming(gateway, Q("select generate_series(1, 20000), repeat('x', 1000)"));
      change(gateway, allowAll);
      client.socket.resume();
      assert.match(brief((await client.untilReady()).slice(-2)), /^C\(SELECT 20000\) Z\(I\)$/);
      client.close();
    });

    test("a statement that runs without a result yet is cancelled and undone", async () => {
      await using gateway = await startGateway({ server });
      await admin.query("insert into kept values (1)");
      const client = await wireClient(gateway.port);
      client.send(Q("update kept set n = 2 from pg_sleep(70)"));
      await untilWaiting(admin, "PgSleep");
      change(gateway, denyReads);
      assert.equal(brief(await client.untilReady()), "E(42501) Z(I)");
      assert.equal(await kept(), 1);
      client.close();
    });

    test("COPY in that lost its permission fails, and nothing of it stays", async () => {
      await using gateway = await startGateway({ server });
      for (const messages of [[Q("copy kept from stdin")], [P("copy kept from stdin"), B(), E(), S]]) {
        const client = await wireClient(gateway.port);
        client.send(...messages);
        await client.until(({ type }) => type === "G");
        const half = serialize.copyData(Buffer.from("1\n2\n"));
        // In the middle of a message: it has to end before anything of ours can stand.
        client.send(half.subarray(0, 7));
        change(gateway, denyReads);
        client.send(half.subarray(7));
        assert.equal(brief(await client.until(({ type }) => type === "E")), "E(42501)");
        client.send(half, serialize.copyDone(), ...(messages.length > 1 ? [S] : []));
        assert.equal(brief(await client.untilReady()), "Z(I)");
        assert.equal(await client.talk(Q("set datestyle to iso")), "C(SET) Z(I)");
        change(gateway, allowAll);
        client.close();
      }
      assert.equal(await kept(), 0);
    });

    test("open portals, cursors and prepared statements are decided anew", async () => {
      await using gateway = await startGateway({ server });
      const client = await wireClient(gateway.port);
      await client.talk(P("select generate_series(1, 9)", "s"), B("p", "s"), S);
      await client.talk(Q("begin; declare c cursor for select generate_series(1, 9)"));
      assert.equal(await client.talk(B("p", "s"), E("p", 1), S), "2 D s Z(T)");
      change(gateway, denyReads);
      assert.equal(await client.talk(E("p", 1), S), "E(42501) Z(E)");
      assert.equal(
        await client.talk(Q("rollback"), Q("begin"), B("", "s"), E(), S),
        "C(ROLLBACK) Z(I) C(BEGIN) Z(T) 2 E(42501) Z(E)",
      );
      change(gateway, allowAll);
      assert.equal(await client.talk(Q("rollback"), B("", "s"), E("", 1), S), "C(ROLLBACK) Z(I) 2 D s Z(I)");
      client.close();
    });

    test("a decision counts that was in force when the statement was prepared and is not any more", async () => {
      await using gateway = await startGateway({ server });
      const client = await wireClient(gateway.port);
      await client.talk(P("select 1", "s"), S);
      change(gateway, denyReads);
      assert.equal(await client.talk(B("", "s"), E(), S), "2 E(42501) Z(I)");
      client.close();
    });

    test("masks that nobody can carry out any more stop the result", async () => {
      await using gateway = await startGateway({ server });
      const client = await streaming(
        gateway,
        P("select generate_series(1, 100000000), repeat('x', 1000)"),
        B(),
        E(),
        S,
      );
      gateway.tap.set({ mask: [{ schema: "public", table: "kept", column: "n", action: "redact" }] });
      gateway.tap.changed();
      client.socket.resume();
      assert.equal(brief((await client.untilReady()).slice(-2)), "E(42501) Z(I)");
      client.close();
    });

    test("the names of upstream user and host stay out of errors", async () => {
      await admin.query("create role minted_4f2a login; grant usage on schema public to minted_4f2a");
      await admin.query(`alter role minted_4f2a password '${server.password}'`);
      await using gateway = await startGateway({ server, user: "minted_4f2a" });
      const client = await wireClient(gateway.port);
      client.send(
        Q(
          "do $$ begin raise exception 'user % at %', current_user, '127.0.0.1' using detail = current_user; end $$",
        ),
      );
      const error = errorOf(await client.untilReady());
      assert.equal(error.get("M"), "user [upstream user] at [upstream host]");
      assert.equal(error.get("C"), "P0001");
      assert.doesNotMatch([...error.values()].join(), /minted_4f2a|127\.0/);
      client.close();
    });

    test("rows of a client's own are untouched by all this", async () => {
      await using gateway = await limited(1000);
      const client = await wireClient(gateway.port);
      client.send(Q("select 'a', null, 'c'"));
      assert.deepEqual((await client.untilReady()).filter(({ type }) => type === "D").map(valuesOf), [
        ["a", null, "c"],
      ]);
      client.close();
    });
  });

async function untilWaiting(admin: Session, event: string): Promise<void> {
  for (;;) {
    const [row] = await admin.query("select count(*)::int as n from pg_stat_activity where wait_event = $1", [
      event,
    ]);
    if (row?.["n"] === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
