/** Search paths of any length, and in any number of pieces: they are followed, or the session ends. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { parameterStatus } from "#core/wire/postgres/messages.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { ask, openWorld, recorder, type World } from "#test/catalog/support/world.ts";
import { startGateway } from "#test/postgres/support/gateway.ts";
import { brief, Q, rawClient, wireClient } from "#test/postgres/support/wire.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { startLiar } from "../support/liar.ts";

const path = (count: number, length: number): string =>
  `select set_config('search_path', (select string_agg(rpad('s' || n, ${length}, 'x'), ',')
    from generate_series(1, ${count}) n) || ', last', false) is null`;

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let world: World;
    before(async () => {
      world = await openWorld(version, "create schema last; create table last.t as select 7 as id");
    });
    after(() => world?.[Symbol.asyncDispose]());

    test("a long path is followed to its end, in however many pieces the server tells it", async () => {
      const seen = recorder();
      const client = await world.client({ judge: seen.judge });
      for (const count of [100, 400]) {
        assert.equal(await ask(client, path(count, 60)), "f");
        assert.equal(await ask(client, "select id from t"), "7");
        assert.deepEqual(seen.last().relations, ["last.t"]);
      }
    });

    for (const [count, length] of [
      [2_000, 4],
      [15_000, 60],
    ] as const)
      test(`a path of ${count} schemas ends the session that has set it, before anything is judged by it`, async () => {
        const client = await world.client();
        client.send(Q(path(count, length)), Q("select id from t"));
        const heard = await client.until(({ type }) => type === "never");
        assert.match(brief(heard), /E\(53300\)$/);
        assert.equal(heard.filter(({ type }) => type === "D").length, 1);
      });
  });

test("an upstream that tells a path of a megabyte, or none", {
  skip: skipWithoutPostgres(18),
}, async (context) => {
  await using world = await openWorld(18, "select 1");
  await using liar = await startLiar(world.server.port);
  await using gateway = await startGateway({ server: { port: liar.port, password: world.server.password } });
  const lies = {
    "as long": ["a,".repeat(500_000) + "a", "53300"],
    "that is none": ["a b", "08006"],
  } as const;
  for (const [what, [value, code]] of Object.entries(lies)) {
    const status = parameterStatus("search_path", value);
    await context.test(`in a session, ${what}`, async () => {
      liar.lie = { answer: ({ socket }) => void socket.write(status) };
      const client = await wireClient(gateway.port);
      client.send(Q("select 1 -- a lie"));
      assert.equal(brief(await client.until(({ type }) => type === "E")), `E(${code})`);
    });
    await context.test(`before it begins, ${what}`, async () => {
      liar.lie = { login: (type, frame) => (type === "Z" ? Buffer.concat([status, frame]) : undefined) };
      const client = await rawClient(gateway.port);
      client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
      // What is asked for at the start is the path; what is told beside the answer counts for nothing.
      const heard = brief(await client.until(({ type }) => type === "Z" || type === "E"));
      assert.match(heard, value.length > 1e5 ? /^R E\(08006\)$/ : /Z\(I\)$/);
      client.close();
    });
  }
});
