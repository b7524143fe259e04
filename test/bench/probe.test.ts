import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { makeAuthority } from "#tools/world/certificates.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { type Endpoint, type Probe, type Query, openProbe } from "../../bench/performance/probe.ts";

const ROWS = 50;
const ONE: Query = {
  mode: "simple",
  sql: `select n from generate_series(1, ${ROWS}) n where n = %d`,
  keys: ROWS,
};
const PREPARED: Query = { ...ONE, mode: "prepared" };

describe("the probe", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let probe: Probe;
  let direct: Endpoint;
  let encrypted: Endpoint;

  before(async () => {
    const tls = makeAuthority().issue("127.0.0.1");
    server = await startPostgres({ version: 18, tcp: true, tls });
    probe = await openProbe({ database: "postgres", password: server.password });
    direct = { name: "direct", port: server.port, user: "postgres", tls: false };
    encrypted = { ...direct, name: "encrypted", tls: true };
  });
  after(() => server[Symbol.asyncDispose]());

  test("has a time of every endpoint for each round, in either protocol, encrypted or not", async () => {
    for (const query of [ONE, PREPARED]) {
      const times = await probe.paired([direct, encrypted], query, 20);
      assert.deepEqual([...times.keys()], ["direct", "encrypted"]);
      for (const us of times.values()) assert.ok(us.length === 20 && us.every((each) => each > 0));
    }
    const [us] = (await probe.connect([direct], ONE, 3)).values();
    assert.equal(us?.length, 3);
  });

  test("an answer with another number of rows ends the run, and says whose it was", async () => {
    const none = { ...ONE, keys: 1, sql: ONE.sql.replace("n = %d", "n = %d + 1000") };
    await assert.rejects(probe.paired([direct], none, 5), /direct: 0 rows instead of 1/);
    await using load = await probe.load(direct, none, 2);
    await assert.rejects(load.run(10), /direct: 0 rows instead of 1/);
  });

  test("an error of the server ends the run, with its words", async () => {
    const wrong = { ...ONE, sql: "select nothing from nowhere where n = %d" };
    await assert.rejects(probe.paired([direct], wrong, 5), /relation "nowhere" does not exist/);
    await assert.rejects(
      probe.paired([direct], { ...wrong, mode: "prepared" }, 5),
      /relation "nowhere" does not exist/,
    );
  });

  test("a password that is wrong lets nobody in", async () => {
    const stranger = await openProbe({ database: "postgres", password: "wrong" });
    await assert.rejects(stranger.paired([direct], ONE, 5), /password authentication failed/);
  });

  test("clients do as many transactions as they are told, and large answers are counted", async () => {
    await using load = await probe.load(encrypted, PREPARED, 4);
    for (const transactions of [1, 3, 200]) {
      const { tookUs, p50Us, p99Us } = await load.run(transactions);
      assert.ok(0 < p50Us && p50Us <= p99Us && p99Us <= tookUs);
    }
    await using bulk = await probe.bulk(direct);
    const large = await bulk.run("select repeat('x', 1000) from generate_series(1, 5000)");
    assert.equal(large.rows, 5_000);
    assert.ok(large.bytes > 5_000_000);
  });

  test("its script of a server signs in whoever comes, and what is held there is open until it is let go", async () => {
    await using upstream = await probe.upstream();
    await using held = await probe.hold(
      { ...direct, name: "script", port: upstream.port, isLazy: true },
      100,
    );
    assert.ok(held.tookUs > 0);
    const refused = await probe.hold({ ...direct, name: "nobody", port: 1 }, 1).then(
      () => "let in",
      (error: unknown) => String(error),
    );
    assert.match(refused, /nobody at port 1: Connection refused/);
  });
});
