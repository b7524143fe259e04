/** An upstream that was taken over and says too much, too slowly or nothing: the worker lives, and others are served. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import { noticeOrError, parameterStatus, readyForQuery } from "#core/wire/postgres/messages.ts";
import { PROTOCOL_3_0, startupMessage } from "#core/wire/postgres/startup.ts";
import { sharedUpstream, until } from "#test/gateway/support/in-process.ts";
import { policy, READER } from "#test/gateway/support/kinds.ts";
import { brief, errorOf, Q, rawClient, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Hands, startLiar } from "../support/liar.ts";
import { startProgram } from "../support/program.ts";

const MIB = 1024 * 1024;
const READY = readyForQuery("I");
const DONE = message("C", cstring("SELECT 1"));
const LIE = Q("select 1 as a -- a lie");
const notice = noticeOrError(
  "N",
  new Map([
    ["S", "NOTICE"],
    ["C", "00000"],
    ["M", "n".repeat(8_000)],
  ]),
);
const notification = message("A", int32(1), cstring("channel"), cstring("p".repeat(7_000)));
const setting = parameterStatus("TimeZone", "z".repeat(7_000));

test("floods of an upstream", { skip: skipWithoutPostgres(18) }, async (context) => {
  const server = await sharedUpstream();
  const liar = await startLiar(server.port);
  context.after(() => liar[Symbol.asyncDispose]());
  const mask = [{ postgres: { columns: ["public.orders.customer"] } }];
  const program = await startProgram(context, liar.port, { policies: [policy({ allow: [READER], mask })] });
  const { port, worker } = program;
  const pid = worker();
  const witness = await wireClient(port);
  context.after(() => witness.close());
  const bounded = async (what: string, mibMax: number, work: () => Promise<void>): Promise<void> => {
    const grownBytes = await program.growthBytes(work);
    liar.lie = {};
    context.diagnostic(`figure hostile.server.${what}-mib=${Math.round(grownBytes / MIB)}`);
    assert.ok(grownBytes < mibMax * MIB, `${what}: it grew by ${Math.round(grownBytes / MIB)} MiB`);
    assert.equal(
      await witness.talk(Q("select id, customer from orders where id = 7")),
      "T D C(SELECT 1) Z(I)",
    );
    assert.equal(worker(), pid, "the worker was started anew");
  };

  for (const [what, said] of Object.entries({
    notices: notice,
    notifications: notification,
    settings: setting,
  }))
    await context.test(`${what} without an end, to a client that takes none: held back, not piled up`, () =>
      bounded(what, 60, async () => {
        let sentBytes = 0;
        let pulse = 0;
        const flood = (hands: Hands): void =>
          void hands.flood(() => {
            pulse = Date.now();
            sentBytes += said.length;
            return sentBytes > 512 * MIB ? undefined : said;
          });
        liar.lie = { answer: flood };
        const client = await wireClient(port);
        client.socket.pause();
        client.send(LIE);
        // As long as anything is taken of it, something is sent.
        await until(() => sentBytes > MIB && Date.now() - pulse > 1_000, 60_000);
        assert.ok(sentBytes < 64 * MIB, `${sentBytes} bytes were taken`);
        client.close();
      }),
    );

  await context.test("the twin: 64 MiB of notices to a client that takes them arrive", () =>
    bounded("notices-taken", 100, async () => {
      let left = 64 * MIB;
      liar.lie = {
        answer: (hands) =>
          void hands
            .flood(() => ((left -= notice.length) > 0 ? notice : undefined))
            .then(() => hands.socket.write(Buffer.concat([message("T", int16(0)), DONE, READY]))),
      };
      const client = await wireClient(port);
      client.send(LIE);
      const heard = await client.untilReady();
      assert.ok(heard.filter(({ type }) => type === "N").length > 8_000);
      client.close();
    }),
  );

  await context.test(
    "errors of 30 MB that are never whole, in 40 sessions: what the process has, then no more",
    () =>
      bounded("unfinished-errors", 450, async () => {
        const head = Buffer.alloc(5);
        head[0] = 0x45;
        head.writeInt32BE(30 * MIB, 1);
        const chunk = Buffer.alloc(MIB, 0x4d);
        liar.lie = {
          answer: (hands) => {
            hands.socket.write(head);
            let left = 29;
            void hands.flood(() => ((left -= 1) > 0 ? chunk : undefined));
          },
        };
        const clients = await Promise.all(Array.from({ length: 40 }, () => wireClient(port)));
        const ends = clients.map((client) => client.until(() => false));
        for (const client of clients) client.send(LIE);
        const details = await Promise.any(ends.map(async (end) => errorOf(await end).get("D") ?? ""));
        assert.match(details, /LIMIT_GATEWAY/);
        for (const client of clients) client.close();
      }),
  );

  await context.test("a row of 900 MB with a masked value at its end: refused, and not held", () =>
    bounded("long-row", 150, async () => {
      const columns = message(
        "T",
        int16(2),
        ...["id", "customer"].map((name) =>
          Buffer.concat([cstring(name), int32(0), int16(0), int32(25), int16(-1), int32(-1), int16(0)]),
        ),
      );
      const head = Buffer.alloc(11);
      head[0] = 0x44;
      head.writeInt32BE(900 * MIB, 1);
      head.writeInt16BE(2, 5);
      head.writeInt32BE(900 * MIB - 100, 7);
      const chunk = Buffer.alloc(MIB, 0x78);
      liar.lie = {
        answer: (hands) => {
          hands.socket.write(Buffer.concat([columns, head]));
          let left = 200;
          void hands.flood(() => ((left -= 1) > 0 ? chunk : undefined));
        },
      };
      const client = await wireClient(port);
      client.send(Q("select id, customer from orders -- a lie"));
      const heard = await client.until(({ type }) => type === "E");
      assert.match(errorOf(heard).get("C") ?? "", /^(?:53400|42501)$/);
      client.close();
    }),
  );

  await context.test("a catalog without an end: it is not read, and what needs it is refused", () =>
    bounded("catalog", 350, async () => {
      const row = message("D", int16(1), int32(60_000), Buffer.alloc(60_000, 0x63));
      liar.lie = { asked: "pg_proc", answer: (hands) => void hands.flood(() => row) };
      const client = await wireClient(port);
      // Whoever was here before has a reading that holds for its time.
      await until(async () => (await client.talk(Q("select count(*) from orders"))).includes("E("), 180_000);
      client.close();
      liar.lie = {};
      await until(async () => {
        const later = await wireClient(port);
        const heard = await later.talk(Q("select count(*) from orders"));
        later.close();
        return heard === "T D C(SELECT 1) Z(I)";
      }, 30_000);
    }),
  );

  await context.test("an upstream that answers no login: refused when its time is over", () =>
    bounded("silent-login", 60, async () => {
      liar.lie = { login: () => "silence" };
      const client = await rawClient(port);
      client.send(startupMessage(PROTOCOL_3_0, { user: "agent" }));
      const heard = await client.until(() => false);
      assert.equal(brief(heard), "R E(08001)");
    }),
  );

  await context.test("an upstream that does not stop what is cancelled: its session ends", () =>
    bounded("uncancelled", 60, async () => {
      const customer = Buffer.concat([
        cstring("customer"),
        int32(0),
        int16(0),
        int32(25),
        int16(-1),
        int32(-1),
        int16(0),
      ]);
      // Of no table: so it is stopped at its first row, and nothing comes of that.
      const row = message("D", int16(1), int32(1), Buffer.from("x"));
      liar.lie = {
        answer: ({ socket }) => void socket.write(Buffer.concat([message("T", int16(1), customer), row])),
      };
      const client = await wireClient(port);
      client.send(Q("select customer from orders -- a lie"));
      const heard = await client.until(() => false);
      assert.match(errorOf(heard).get("D") ?? "", /MASK_UNRESOLVED/);
      assert.equal(errorOf(heard).get("S"), "FATAL");
    }),
  );
});
