/** Clients of which there are too many, or of whom each wants too much: the worker lives, and others are served. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect as dial, type Socket } from "node:net";
import { test } from "node:test";
import { cancelRequest, PROTOCOL_3_0, sslRequest, startupMessage } from "#core/wire/postgres/startup.ts";
import { connect } from "#tools/postgres/client.ts";
import { sharedUpstream, until } from "#test/gateway/support/in-process.ts";
import { policy, READER } from "#test/gateway/support/kinds.ts";
import { B, brief, E, P, Q, S, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { startProgram } from "../support/program.ts";

const MIB = 1024 * 1024;
const SLEEPER = { ...READER, postgres: { ...READER.postgres, functions: ["pg_catalog.pg_sleep"] } };

test("floods of clients", { skip: skipWithoutPostgres(18) }, async (context) => {
  const server = await sharedUpstream();
  const policies = [policy({ allow: [SLEEPER] })];
  const program = await startProgram(context, server.port, { policies, options: ["--sessions", "60"] });
  const { port, worker } = program;
  const pid = worker();
  const witness = await wireClient(port);
  context.after(() => witness.close());
  const othersGoOn = async (): Promise<void> => {
    assert.equal(await witness.talk(Q("select id from orders where id = 7")), "T D C(SELECT 1) Z(I)");
    assert.equal(worker(), pid, "the worker was started anew");
  };
  /** At most so much, and the worker is what it was afterwards. */
  const bounded = async (what: string, mibMax: number, work: () => Promise<void>): Promise<void> => {
    const grownBytes = await program.growthBytes(work);
    context.diagnostic(`figure hostile.client.${what}-mib=${Math.round(grownBytes / MIB)}`);
    assert.ok(grownBytes < mibMax * MIB, `${what}: it grew by ${Math.round(grownBytes / MIB)} MiB`);
    await othersGoOn();
  };

  await context.test("3,000 that say nothing, or half of a greeting: the oldest make room", () =>
    bounded("half-open", 150, async () => {
      const sockets: Socket[] = [];
      for (let count = 0; count < 3_000; count += 1) {
        const socket = dial(port, "127.0.0.1");
        socket.on("error", () => undefined);
        sockets.push(socket);
        await once(socket, "connect");
        if (count % 3 === 1) socket.write(startupMessage(PROTOCOL_3_0, { user: "a" }).subarray(0, 9));
        if (count % 3 === 2) socket.write(Buffer.concat([sslRequest(), Buffer.of(0, 0)]));
      }
      // Somebody who comes now finds a place.
      const late = await wireClient(port);
      assert.equal(await late.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      late.close();
      for (const socket of sockets) socket.destroy();
    }),
  );

  await context.test("5,000 cancels with guessed keys: nobody's statement is cancelled", () =>
    bounded("cancels", 100, async () => {
      witness.send(Q("select pg_sleep(4)"));
      for (let count = 0; count < 5_000; count += 1) {
        const socket = dial(port, "127.0.0.1");
        socket.on("error", () => undefined);
        await once(socket, "connect");
        socket.end(cancelRequest(randomBytes(4).readInt32BE(0), randomBytes(count % 2 === 0 ? 4 : 32)));
        socket.resume();
      }
      assert.equal(brief(await witness.untilReady()), "T D C(SELECT 1) Z(I)");
    }),
  );

  await context.test("a pipeline without a Sync, whose answers nobody reads", () =>
    bounded("pipeline", 100, async () => {
      const client = await wireClient(port);
      client.socket.pause();
      const group = Buffer.concat([P("select repeat('x', 1000) from orders"), B(), E()]);
      const chunk = Buffer.concat(Array.from({ length: 500 }, () => group));
      await pushed(client.socket, chunk, 16 * MIB);
      client.close();
    }),
  );

  await context.test("the twin: a long pipeline that is read, with its Sync, is answered whole", async () => {
    const client = await wireClient(port);
    const groups = Array.from({ length: 6_000 }, () => [P("select 1"), B(), E()]).flat();
    client.send(...groups, S);
    const heard = await client.untilReady();
    assert.equal(heard.filter(({ type }) => type === "D").length, 6_000);
    client.close();
  });

  await context.test("queries without an end, whose answers nobody reads", () =>
    bounded("queries", 100, async () => {
      const client = await wireClient(port);
      client.socket.pause();
      const chunk = Buffer.concat(
        Array.from({ length: 1_000 }, () => Q("select repeat('y', 500) from orders")),
      );
      await pushed(client.socket, chunk, 16 * MIB);
      client.close();
    }),
  );

  await context.test(
    "200 statements of 250 kB that are kept by name: as much as a session may, then no more",
    () =>
      bounded("names", 250, async () => {
        const client = await wireClient(port);
        const columns = Array.from({ length: 1_500 }, (_, index) => `id as c${index}`).join(", ");
        const text = `select ${columns}, '${"z".repeat(220_000)}' from orders`;
        const heard: string[] = [];
        for (let count = 0; count < 200; count += 1) heard.push(await client.talk(P(text, `s${count}`), S));
        assert.equal(heard[0], "1 Z(I)");
        assert.equal(heard.at(-1), "E(53300) Z(I)");
        // What is given up makes room.
        assert.equal(
          await client.talk(Q("deallocate all"), P("select 1", "last"), S),
          "C(DEALLOCATE ALL) Z(I) 1 Z(I)",
        );
        client.close();
      }),
  );

  await context.test("the server is left as it was", async () => {
    await using root = await connect(server);
    await until(async () => {
      const [row] = await root.query(
        "select count(*)::int as n from pg_stat_activity where usename = 'orders_agent'",
      );
      return Number(row?.["n"]) <= 2;
    });
  });
});

const PUSHED_MS_MAX = 20_000;

/** Writes it again and again until so much has left, or nothing more is taken for a while; not for longer than it may. */
async function pushed(socket: Socket, chunk: Buffer, bytesMax: number): Promise<void> {
  const deadlineMs = Date.now() + PUSHED_MS_MAX;
  for (let sent = 0; sent < bytesMax && Date.now() < deadlineMs; sent += chunk.length) {
    if (socket.write(chunk)) continue;
    const stuck = AbortSignal.timeout(3_000);
    try {
      await once(socket, "drain", { signal: stuck });
    } catch {
      return;
    }
  }
}
