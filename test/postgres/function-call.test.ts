/** Calls of functions by number, which large objects of libpq and pgjdbc are made of. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { int32, message } from "#core/wire/postgres/fields.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { type GatewayOptions, type Judge, startGateway } from "./support/gateway.ts";
import { Q, wireClient } from "./support/wire.ts";

for (const version of [15, 18] as const)
  describe(`PostgreSQL ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let server: PostgresServer;
    before(async () => {
      server = await startPostgres({ version, tcp: true });
    });
    after(() => server?.[Symbol.asyncDispose]());

    /** pg_catalog.now(), without arguments, its result as text. */
    const NOW = Buffer.from([0x46, 0, 0, 0, 14, 0, 0, 0x05, 0x13, 0, 0, 0, 0, 0, 0]);

    test("a function call by number passes only where policy reads nothing; the session goes on", async () => {
      const doubtful: Judge = ({ doubts }) => (doubts.length > 0 ? "it cannot be told" : undefined);
      const held: GatewayOptions[] = [
        { server, judge: doubtful },
        { server, judge: doubtful, later: true },
        // Nothing says which columns such a result is made of, or how many rows.
        { server, obligations: { limits: { rows: 10 } } },
      ];
      for (const options of held) {
        await using closed = await startGateway(options);
        const client = await wireClient(closed.port);
        assert.equal(await client.talk(NOW), "E(0A000) Z(I)");
        assert.equal(
          await client.talk(Q("begin"), NOW, NOW, Q("commit")),
          "C(BEGIN) Z(T) E(0A000) Z(E) E(0A000) Z(E) C(ROLLBACK) Z(I)",
        );
        assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
        client.close();
      }
      for (const later of [false, true]) {
        await using open = await startGateway({ server, later });
        const client = await wireClient(open.port);
        const none = Buffer.from([0x46, 0, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert.equal(await client.talk(NOW), "V Z(I)");
        assert.equal(await client.talk(none), "E(42883) Z(I)");
        assert.equal(
          await client.talk(Q("begin"), none, NOW, Q("commit")),
          "C(BEGIN) Z(T) E(42883) Z(E) E(25P02) Z(E) C(ROLLBACK) Z(I)",
        );
        assert.deepEqual(open.tap.decided.slice(0, 2), ["FunctionCall 1299", "FunctionCall 1"]);
        assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
        client.close();
      }
    });

    test("large objects of libpq's calls go through whole, and no other message stands in for them", async () => {
      await using open = await startGateway({ server });
      const client = await wireClient(open.port);
      // lo_creat(-1), lo_open(oid, read and write), lowrite, lo_lseek to the start, loread, lo_close.
      const int = (value: number): Buffer => int32(value);
      const call = (oid: number, ...values: Buffer[]): Buffer =>
        message(
          "F",
          int32(oid),
          Buffer.from([0, 1, 0, 1]),
          Buffer.from([0, values.length]),
          ...values.flatMap((value) => [int32(value.length), value]),
          Buffer.from([0, 1]),
        );
      const ask = async (message_: Buffer): Promise<Buffer> => {
        client.send(message_);
        const [first] = await client.untilReady();
        assert.equal(first?.type, "V");
        return first.bytes.subarray(9);
      };
      await client.talk(Q("begin"));
      const oid = (await ask(call(957, int(-1)))).readUInt32BE();
      const handle = (await ask(call(952, int(oid), int(0x60000)))).readInt32BE();
      const bytes = Buffer.alloc(3_000_000, "0123456789");
      assert.equal((await ask(call(955, int(handle), bytes))).readInt32BE(), bytes.length);
      assert.equal((await ask(call(956, int(handle), int(0), int(0)))).readInt32BE(), 0);
      assert.ok((await ask(call(954, int(handle), int(bytes.length)))).equals(bytes));
      assert.equal((await ask(call(953, int(handle)))).readInt32BE(), 0);
      assert.equal(await client.talk(Q("commit")), "C(COMMIT) Z(I)");
      client.close();
    });
  });
