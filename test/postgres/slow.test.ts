/** Peers that are slow, leave, or keep others waiting, at every step of a session. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { serialize } from "pg-protocol";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { connect as connectAdmin, type Session } from "#tools/postgres/client.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { startGateway } from "./support/gateway.ts";
import { B, brief, E, errorOf, H, P, Q, rawClient, S, wireClient } from "./support/wire.ts";

/** Between gateway and server: hands on, until it is told to hang up after so many bytes of the server's. */
async function betweenServers(server: PostgresServer) {
  let leftBytes = Infinity;
  const sockets = new Set<Socket>();
  const listener = createServer((from) => {
    const to = connectTcp(server.port, "127.0.0.1");
    for (const socket of [from, to]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        from.destroy();
        to.destroy();
      });
    }
    from.on("data", (chunk: Buffer) => to.write(chunk));
    to.on("data", (chunk: Buffer) => {
      const passed = chunk.subarray(0, leftBytes);
      leftBytes -= passed.length;
      from.write(passed, () => {
        if (leftBytes <= 0) from.destroy();
      });
    });
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as { port: number }).port,
    password: server.password,
    hangUpAfter: (bytes: number) => {
      leftBytes = bytes;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      listener.close();
      await once(listener, "close");
    },
  };
}

describe("slow and lost peers", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let admin: Session;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true });
    admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
  });
  after(async () => {
    await admin?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test("an upstream that dies while signing in, wherever: a clear FATAL", async () => {
    await using between = await betweenServers(server);
    await using gateway = await startGateway({ server: between });
    let ready = false;
    for (let bytes = 0; !ready; bytes += 23) {
      between.hangUpAfter(bytes);
      const client = await rawClient(gateway.port);
      client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
      const heard = await client.until(({ type }) => type === "E" || type === "Z");
      ready = heard.at(-1)?.type === "Z";
      if (!ready) assert.match(brief(heard), /^R E\(08001\)$/, `after ${bytes} bytes`);
      client.close();
    }
  });

  test("an upstream that dies in a session, wherever: FATAL, but never in the middle of a message", async () => {
    await using between = await betweenServers(server);
    await using gateway = await startGateway({ server: between });
    const whole = "T D D D C(SELECT 3) Z(I)";
    for (let bytes = 0; bytes < 90; bytes += 1) {
      between.hangUpAfter(Infinity);
      const client = await wireClient(gateway.port);
      between.hangUpAfter(bytes);
      client.send(Q("select generate_series(1, 3)"));
      const heard = await client.until(() => false);
      const told = brief(heard.filter(({ type }) => type !== "E"));
      assert.ok(whole.startsWith(told), `${told} after ${bytes} bytes`);
      const error = errorOf(heard);
      if (error.size > 0) assert.deepEqual([error.get("S"), error.get("C")], ["FATAL", "08006"]);
      client.close();
    }
  });

  test("a client that takes its time gets everything, and holds nobody else up", async () => {
    await using gateway = await startGateway({ server });
    const slow = await wireClient(gateway.port);
    slow.socket.pause();
    slow.send(Q("select generate_series(1, 20000), repeat('x', 1000)"));
    const quick = await wireClient(gateway.port);
    for (let count = 0; count < 50; count += 1)
      assert.equal(await quick.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
    slow.socket.resume();
    assert.equal((await slow.untilReady()).length, 20_003);
    slow.close();
    quick.close();
  });

  test("a client that leaves while a decision is waited for ends its session", async () => {
    await using gateway = await startGateway({ server });
    const client = await wireClient(gateway.port);
    gateway.tap.decide = () => new Promise(() => undefined);
    client.send(Q("select 1"));
    client.socket.resetAndDestroy();
    await gateway.ended(1);
    assert.deepEqual(gateway.ends, [{ by: "client", refusal: undefined }]);
  });

  test("what is sent while a decision is waited for waits too, and comes in order", async () => {
    await using gateway = await startGateway({ server, later: true });
    const client = await wireClient(gateway.port);
    const texts = Array.from({ length: 30 }, (_, index) => `select ${index}`);
    client.send(...texts.map(Q));
    for (const text of texts) {
      const row = (await client.untilReady()).find(({ type }) => type === "D");
      assert.equal(row?.bytes.toString("utf8", 11), text.slice(7));
    }
    assert.deepEqual(gateway.tap.decided, texts);
    client.close();
  });

  test("while the record is behind nothing is read, and then it goes on", async () => {
    await using gateway = await startGateway({ server });
    const client = await wireClient(gateway.port);
    const { tap } = gateway;
    tap.fill(true);
    client.send(Q("select 1"));
    const other = await wireClient(gateway.port);
    await other.talk(Q("select 2"));
    assert.deepEqual(tap.decided, []);
    tap.fill(false);
    assert.equal(brief(await client.untilReady()), "T D C(SELECT 1) Z(I)");
    client.close();
    other.close();
  });

  test("a Flush brings what there is, before the Sync", async () => {
    await using gateway = await startGateway({ server });
    const client = await wireClient(gateway.port);
    client.send(P("select 1"), B(), E(), H);
    assert.equal(brief(await client.until(({ type }) => type === "C")), "1 2 D C(SELECT 1)");
    client.send(S);
    assert.equal(brief(await client.untilReady()), "Z(I)");
    client.close();
  });

  test("a session that is stopped from outside hears why, and its statement is cancelled", async () => {
    const gateway = await startGateway({ server });
    const client = await wireClient(gateway.port);
    client.send(Q("select pg_sleep(63)"));
    for (;;) {
      const [row] = await admin.query(
        "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'",
      );
      if (row?.["n"] === 1) break;
    }
    const stopping = gateway.stop();
    const error = errorOf(await client.until(() => false));
    assert.deepEqual([error.get("S"), error.get("C")], ["FATAL", "57P01"]);
    await stopping;
    for (;;) {
      const [row] = await admin.query(
        "select count(*)::int as n from pg_stat_activity where wait_event = 'PgSleep'",
      );
      if (row?.["n"] === 0) break;
    }
    assert.equal(gateway.tap.results.at(-1)?.ended, "lost");
    await gateway[Symbol.asyncDispose]();
  });

  test("COPY in from a client that is faster than the server is held back, not piled up", async () => {
    await using gateway = await startGateway({ server });
    const client = await wireClient(gateway.port);
    await client.talk(Q("create temp table loaded (n text)"));
    client.send(Q("copy loaded from stdin"));
    await client.until(({ type }) => type === "G");
    const line = serialize.copyData(Buffer.from(`${"y".repeat(60_000)}\n`));
    for (let count = 0; count < 300; count += 1)
      if (!client.socket.write(line)) await once(client.socket, "drain");
    client.send(serialize.copyDone());
    assert.equal(brief(await client.untilReady()), "C(COPY 300) Z(I)");
    client.close();
  });
});
