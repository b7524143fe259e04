/** Messages that are held until they are whole, from either side: all of them together have a bound, and it is given back. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readyForQuery } from "#core/wire/postgres/messages.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { startGateway } from "#test/postgres/support/gateway.ts";
import { brief, Q, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { startLiar } from "../support/liar.ts";

const BUDGET_BYTES = 4 * 1024 * 1024;

const head = (type: string, bytes: number): Buffer => {
  const header = Buffer.alloc(5);
  header.write(type);
  header.writeInt32BE(bytes, 1);
  return header;
};

test("unfinished messages", { skip: skipWithoutPostgres(18) }, async (context) => {
  await using server = await startPostgres({ version: 18, tcp: true, settings: { fsync: "off" } });
  await using liar = await startLiar(server.port);
  await using gateway = await startGateway({
    server: { port: liar.port, password: server.password },
    budgetBytes: BUDGET_BYTES,
  });

  await context.test(
    "of a client: the one that wants too much goes, and the next may have as much",
    async () => {
      const [one, other] = [await wireClient(gateway.port), await wireClient(gateway.port)];
      one.send(head("Q", 8_000_000), Buffer.alloc(3_000_000, 0x20));
      other.send(head("Q", 8_000_000), Buffer.alloc(6_000_000, 0x20));
      assert.equal(brief(await other.until(({ type }) => type === "E")), "E(53300)");
      one.close();
      await gateway.ended(2);
      const next = await wireClient(gateway.port);
      const text = `select 1 -- ${"x".repeat(3_000_000)}`;
      next.send(Q(text).subarray(0, 2_500_000));
      next.send(Q(text).subarray(2_500_000));
      assert.equal(brief(await next.untilReady()), "T D C(SELECT 1) Z(I)");
      next.close();
    },
  );

  await context.test("of an upstream: the session that has it ends, another goes on", async () => {
    const [victim, other] = [await wireClient(gateway.port), await wireClient(gateway.port)];
    liar.lie = {
      answer: ({ socket }) =>
        void socket.write(
          Buffer.concat([head("E", 30_000_000), Buffer.alloc(6_000_000, 0x4d), readyForQuery("I")]),
        ),
    };
    victim.send(Q("select 1 -- a lie"));
    assert.equal(brief(await victim.until(({ type }) => type === "E")), "E(53300)");
    liar.lie = {};
    assert.equal(await other.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
    other.close();
  });
});
