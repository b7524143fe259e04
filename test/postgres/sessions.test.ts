/** The protocol as clients use it, through the gateway, unchanged. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { serialize } from "pg-protocol";
import { cancelRequest, PROTOCOL_3_2 } from "#core/wire/postgres/startup.ts";
import { readBackendKeyData, readParameterStatus } from "#core/wire/postgres/messages.ts";
import { startupMessage } from "#core/wire/postgres/startup.ts";
import { connect as connectAdmin, type Session } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { allowAll, denyForbidden, type Gateway, startGateway } from "./support/gateway.ts";
import { B, brief, C, D, E, errorOf, H, P, Q, rawClient, S, valuesOf, wireClient } from "./support/wire.ts";

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    let gateway: Gateway;
    let admin: Session;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
      gateway = await startGateway({ server, judge: allowAll });
      admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
      await admin.query("create table items (id int primary key, name text)");
      await admin.query("create schema other; create table other.items (id int)");
      await admin.query("create table forbidden (secret text)");
    });
    after(async () => {
      await admin?.[Symbol.asyncDispose]();
      await gateway?.[Symbol.asyncDispose]();
      await server?.[Symbol.asyncDispose]();
    });

    test("COPY in, simple: the data arrives, whatever else is sent in between", async () => {
      const client = await wireClient(gateway.port);
      client.send(Q("copy items from stdin"));
      assert.equal(brief(await client.until(({ type }) => type === "G")), "G");
      // Sync and Flush are read over; a piece may end anywhere in a row.
      client.send(
        serialize.copyData(Buffer.from("1\ton")),
        S,
        H,
        serialize.copyData(Buffer.from("e\n2\ttwo\n")),
      );
      client.send(serialize.copyDone());
      assert.equal(brief(await client.untilReady()), "C(COPY 2) Z(I)");
      assert.equal(await client.talk(Q("delete from items")), "C(DELETE 2) Z(I)");
      client.close();
    });

    test("COPY in, extended, with the Sync that libpq sends before the data", async () => {
      const client = await wireClient(gateway.port);
      client.send(P("copy items from stdin"), B(), E(), S);
      assert.equal(brief(await client.until(({ type }) => type === "G")), "1 2 G");
      client.send(serialize.copyData(Buffer.from("1\tone\n")), serialize.copyDone(), S);
      assert.equal(brief(await client.untilReady()), "C(COPY 1) Z(I)");
      assert.equal(
        await client.talk(Q("delete from items"), Q("select 1")),
        "C(DELETE 1) Z(I) T D C(SELECT 1) Z(I)",
      );
      client.close();
    });

    test("COPY in that the client gives up, and one that fails, leave the session usable", async () => {
      const client = await wireClient(gateway.port);
      client.send(Q("copy items from stdin"));
      await client.until(({ type }) => type === "G");
      client.send(serialize.copyFail("changed my mind"));
      assert.equal(brief(await client.untilReady()), "E(57014) Z(I)");
      client.send(P("copy items from stdin"), B(), E(), S);
      await client.until(({ type }) => type === "G");
      client.send(serialize.copyData(Buffer.from("no number\n")));
      assert.equal(brief(await client.until(({ type }) => type === "E")), "E(22P02)");
      client.send(serialize.copyData(Buffer.from("late\n")), serialize.copyDone(), S);
      assert.equal(brief(await client.untilReady()), "Z(I)");
      assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      client.close();
    });

    test("COPY out, in text and in binary", async () => {
      const client = await wireClient(gateway.port);
      assert.match(
        await client.talk(Q("copy (select generate_series(1, 3)) to stdout")),
        /^H d d d c C\(COPY 3\) Z\(I\)$/,
      );
      assert.match(
        await client.talk(P("copy (values (1), (2)) to stdout (format binary)"), B(), E(), S),
        /^1 2 H (?:d )+c C\(COPY 2\) Z\(I\)$/,
      );
      client.close();
    });

    test("portals are run in parts, and end with their transaction", async () => {
      const client = await wireClient(gateway.port);
      assert.equal(
        await client.talk(
          Q("begin"),
          P("select generate_series(1, 5)"),
          B("p"),
          E("p", 2),
          E("p", 2),
          E("p", 2),
          S,
        ),
        "C(BEGIN) Z(T) 1 2 D D s D D s D C(SELECT 1) Z(T)",
      );
      assert.equal(await client.talk(Q("commit"), E("p"), S), "C(COMMIT) Z(I) E(34000) Z(I)");
      // One execution is one request on record, in however many parts.
      assert.equal(gateway.tap.decided.filter((text) => text.includes("generate_series")).length, 1);
      client.close();
    });

    test("every execution of a prepared statement is on record", async () => {
      const client = await wireClient(gateway.port);
      await client.talk(P("select 41 + 1", "s"), B("", "s"), E(), B("", "s"), E(), S, B("", "s"), E(), S);
      assert.equal(gateway.tap.decided.length, 3);
      assert.deepEqual(
        gateway.tap.results.map(({ request, rows }) => [request, rows]),
        [
          [0, 1],
          [1, 1],
          [2, 1],
        ],
      );
      client.close();
    });

    test("cursors and statements made in SQL are used from both protocols", async () => {
      const client = await wireClient(gateway.port);
      await client.talk(Q("begin; declare c cursor for select generate_series(1, 9)"));
      assert.equal(
        await client.talk(Q("fetch 2 from c"), E("c", 3), S),
        "T D D C(FETCH 2) Z(T) D D D s Z(T)",
      );
      await client.talk(Q("commit; prepare ps as select 7"));
      assert.equal(
        await client.talk(Q("execute ps"), B("", "ps"), E(), S),
        "T D C(SELECT 1) Z(I) 2 D C(SELECT 1) Z(I)",
      );
      assert.equal(
        await client.talk(Q("deallocate all"), B("", "ps"), S),
        "C(DEALLOCATE ALL) Z(I) E(26000) Z(I)",
      );
      client.close();
    });

    test("notifications, notices and parameters come when they come", async () => {
      const client = await wireClient(gateway.port);
      await client.talk(Q("listen news"));
      await admin.query("notify news, 'hello'");
      assert.equal(brief(await client.until(({ type }) => type === "A")), "A");
      assert.match(
        await client.talk(Q("drop table if exists nowhere")),
        /^N\(00000\) C\(DROP TABLE\) Z\(I\)$/,
      );
      client.send(Q("set timezone to 'Asia/Tokyo'"));
      const told = (await client.untilReady()).find(({ type }) => type === "S");
      assert.deepEqual(told && readParameterStatus(told.bytes, 0, told.bytes.length), {
        name: "TimeZone",
        value: "Asia/Tokyo",
      });
      client.close();
    });

    test("a cancel request with the key of the session stops its statement and no other", async () => {
      for (const protocol of [undefined, PROTOCOL_3_2]) {
        const client = await rawClient(gateway.port);
        client.send(startupMessage(protocol ?? 196_608, { user: "agent" }));
        const opening = await client.untilReady();
        const key = opening.find(({ type }) => type === "K");
        assert.ok(key);
        const { processId, key: secret } = readBackendKeyData(key.bytes, 0, key.bytes.length);
        assert.equal(secret.length, protocol === undefined ? 4 : 32);
        client.send(Q("select pg_sleep(60)"));
        await untilRunning(admin, "pg_sleep(60)");
        const stranger = await rawClient(gateway.port);
        stranger.send(cancelRequest(processId, Buffer.alloc(secret.length)));
        await stranger.until(() => false);
        const canceller = await rawClient(gateway.port);
        canceller.send(cancelRequest(processId, secret));
        assert.equal(brief(await client.untilReady()), "T E(57014) Z(I)");
        assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
        client.close();
      }
    });

    test("the search path that a statement is judged by is the one it runs with", async () => {
      await using strict = await startGateway({ server, judge: denyForbidden });
      const client = await wireClient(strict.port);
      await admin.query("drop table if exists other.forbidden");
      assert.equal(await client.talk(Q("create schema if not exists hidden")), "C(CREATE SCHEMA) Z(I)");
      assert.match(
        await client.talk(Q("set search_path to other"), Q("select * from items")),
        /T C\(SELECT 0\) Z\(I\)$/,
      );
      assert.match(
        await client.talk(Q("begin"), Q("set local search_path to public"), Q("rollback")),
        /C\(ROLLBACK\) (?:S )?Z\(I\)$/,
      );
      const accesses: string[] = [];
      strict.tap.judge = (facts) => {
        for (const { relation } of facts.accesses)
          if (relation) accesses.push(`${relation.schema}.${relation.name}`);
        return undefined;
      };
      // In one group, before the server had a reason to answer; and a statement prepared under the old path.
      await client.talk(P("select id from items", "s"), S);
      await client.talk(
        P("set search_path to public"),
        B(),
        E(),
        P("select id from items"),
        B(),
        E(),
        B("", "s"),
        E(),
        S,
      );
      assert.deepEqual(accesses, ["other.items", "public.items", "public.items"]);
      client.close();
    });

    test("a FIN with a statement running: it finishes and is delivered", async () => {
      const client = await wireClient(gateway.port);
      client.socket.end(Q("select pg_sleep(0.2), 'delivered'"));
      const heard = await client.untilReady();
      assert.equal(valuesOf(heard.find(({ type }) => type === "D") ?? assert.fail())[1], "delivered");
    });

    test("a FIN with a statement running, where the Connection says cancel: it is gone, and so is the session", async () => {
      await using cancelling = await startGateway({ server, postgres: { whenClientCloses: "cancel" } });
      const client = await wireClient(cancelling.port);
      client.send(Q("select pg_sleep(63)"));
      await untilRunning(admin, "pg_sleep(63)");
      client.socket.end();
      assert.deepEqual(await client.until(() => false), []);
      await untilGone(admin);
      await cancelling.ended(1);
      assert.deepEqual(cancelling.ends, [{ by: "client", refusal: undefined }]);
      assert.equal(cancelling.tap.results.at(-1)?.ended, "lost");
      // One that has nothing running is the same as ever.
      const idle = await wireClient(cancelling.port);
      assert.equal(await idle.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      idle.socket.end();
      await cancelling.ended(2);
      assert.deepEqual(cancelling.ends.at(-1), { by: "client", refusal: undefined });
      // Asked and left in one breath: it may not even have been looked at yet.
      const hasty = await wireClient(cancelling.port);
      hasty.socket.end(Q("select pg_sleep(64)"));
      await cancelling.ended(3);
      await untilGone(admin);
    });

    test("Terminate ends the session here and there", async () => {
      const before = gateway.ends.length;
      const client = await wireClient(gateway.port);
      client.send(serialize.end());
      await gateway.ended(before + 1);
      assert.deepEqual(gateway.ends.at(-1), { by: "client", refusal: undefined });
      await untilGone(admin);
    });

    test("a client that is reset has its statement cancelled at once", async () => {
      const client = await wireClient(gateway.port);
      client.send(Q("select pg_sleep(61)"));
      await untilRunning(admin, "pg_sleep(61)");
      client.socket.resetAndDestroy();
      await untilGone(admin);
      assert.equal(gateway.tap.results.at(-1)?.ended, "lost");
    });

    test("the same while it takes nothing of a large result", async () => {
      const client = await wireClient(gateway.port);
      client.socket.pause();
      client.send(Q("select generate_series(1, 10000000), repeat('x', 1000)"));
      await untilRunning(admin, "generate_series(1, 10000000)");
      await pause(100);
      client.socket.resetAndDestroy();
      await untilGone(admin);
    });

    test("an upstream that is shut down says so, and the client hears it", async () => {
      const client = await wireClient(gateway.port);
      client.send(Q("select pg_sleep(62)"));
      await untilRunning(admin, "pg_sleep(62)");
      await admin.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep(62)%' and pid <> pg_backend_pid()",
      );
      const heard = await client.until(() => false);
      assert.deepEqual([errorOf(heard).get("S"), errorOf(heard).get("C")], ["FATAL", "57P01"]);
    });

    test("lengths that cannot be end the session with a clear FATAL", async () => {
      for (const bytes of [
        Buffer.from([0x51, 0xff, 0xff, 0xff, 0xff]),
        Buffer.from([0x51, 0x7f, 0xff, 0xff, 0xff]),
        Buffer.from([0x51, 0, 0, 0, 5, 0x61]),
        Buffer.from([0x01, 0, 0, 0, 4]),
        Buffer.from([0x50, 0, 0, 0, 9, 0, 0x61, 0, 0xff, 0xff]),
        Buffer.from([0x42, 0, 0, 0, 5, 0x61]),
        Buffer.from([0x70, 0, 0, 0, 5, 0]),
      ]) {
        const client = await wireClient(gateway.port);
        client.send(bytes);
        const error = errorOf(await client.until(() => false));
        assert.deepEqual([error.get("S"), error.get("C")], ["FATAL", "08P01"], bytes.toString("hex"));
      }
    });

    test("a session cut at every byte comes to the same", async () => {
      const exchange = Buffer.concat([
        P("select $1::text", "s"),
        D("S", "s"),
        B("", "s", ["é"]),
        E(),
        C("S", "s"),
        S,
        Q("select 2"),
      ]);
      const expected = "1 t T 2 D C(SELECT 1) 3 Z(I) T D C(SELECT 1) Z(I)";
      const client = await wireClient(gateway.port);
      for (let cut = 1; cut < exchange.length; cut += 1) {
        client.send(exchange.subarray(0, cut));
        await new Promise(setImmediate);
        client.send(exchange.subarray(cut));
        assert.equal(
          brief([...(await client.untilReady()), ...(await client.untilReady())]),
          expected,
          `cut at ${cut}`,
        );
      }
      for (const byte of exchange) client.send(Buffer.of(byte));
      assert.equal(brief([...(await client.untilReady()), ...(await client.untilReady())]), expected);
      client.close();
    });
  });

async function untilRunning(admin: Session, text: string): Promise<void> {
  const count =
    "select count(*)::int as n from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1";
  for (;;) {
    const [row] = await admin.query(count, [`%${text}%`]);
    if (row?.["n"] === 1) return;
    await pause(10);
  }
}

/** No session of the gateway runs anything. */
async function untilGone(admin: Session): Promise<void> {
  const count =
    "select count(*)::int as n from pg_stat_activity where application_name like 'sallyport:%' and (state = 'active' or query like '%pg_sleep(6%')";
  for (;;) {
    const [row] = await admin.query(count);
    if (row?.["n"] === 0) return;
    await pause(10);
  }
}
