/** A PostgreSQL that was taken over and lies in a session: nobody but that session has anything to do with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import { noticeOrError, readyForQuery } from "#core/wire/postgres/messages.ts";
import { connect } from "#tools/postgres/client.ts";
import { sharedUpstream, startRig, until } from "#test/gateway/support/in-process.ts";
import { policy, UPSTREAM_PASSWORD } from "#test/gateway/support/kinds.ts";
import { brief, type Message, Q, wireClient } from "#test/postgres/support/wire.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Lie, startLiar } from "../support/liar.ts";

const CANARY = "canary-4711";
const READY = readyForQuery("I");
const DONE = message("C", cstring("SELECT 1"));

interface Column {
  readonly name?: string;
  readonly table?: number;
  readonly attribute?: number;
  readonly type?: number;
}
const TEXT = 25;
const UUID = 2950;
const column = ({ name = "a", table = 0, attribute = 0, type = TEXT }: Column = {}): Buffer =>
  Buffer.concat([cstring(name), int32(table), int16(attribute), int32(type), int16(-1), int32(-1), int16(0)]);
const columns = (...each: readonly Column[]): Buffer => message("T", int16(each.length), ...each.map(column));
const row = (...values: readonly string[]): Buffer =>
  message("D", int16(values.length), ...values.flatMap((text) => [int32(text.length), Buffer.from(text)]));
const says = (...messages: readonly Buffer[]): Lie => ({
  answer: ({ socket }) => void socket.write(Buffer.concat(messages)),
});
const error = (fields: Readonly<Record<string, string>>): Buffer =>
  noticeOrError("E", new Map(Object.entries(fields)));

interface Case {
  readonly lie: Lie;
  /** What the session asks; nothing masked, where nothing else is said. */
  readonly asked?: string;
  /** All that its client hears of it. */
  readonly heard: string;
  /** How the session is written down; absent: it goes on. */
  readonly code?: "UPSTREAM_PROTOCOL" | "UPSTREAM_CLOSED";
}

const MASKED = "select customer from orders -- a lie";
const BROKEN = { code: "UPSTREAM_PROTOCOL" } as const;

/** `customer` is the masked column as the server knows it. */
const lies = (customer: Column): Readonly<Record<string, Case>> => ({
  "a row with more columns than were described": {
    lie: says(columns(customer), row(CANARY, CANARY), DONE, READY),
    asked: MASKED,
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a row with fewer columns than were described": {
    lie: says(columns({ ...customer, attribute: 1 }, customer), row(CANARY), DONE, READY),
    asked: "select id, customer from orders -- a lie",
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a value longer than its row": {
    lie: says(columns(customer), message("D", int16(1), int32(100), Buffer.from(CANARY)), DONE, READY),
    asked: MASKED,
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a value of a length below nothing": {
    lie: says(columns(customer), message("D", int16(1), int32(-2), Buffer.from(CANARY)), DONE, READY),
    asked: MASKED,
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a masked column that is said to be of another type": {
    lie: says(columns({ ...customer, type: UUID }), row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "T D C(SELECT 1) Z(I)",
  },
  "a masked column that is said to be called otherwise": {
    lie: says(columns({ ...customer, name: "harmless" }), row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "T D C(SELECT 1) Z(I)",
  },
  "a masked column that is said to be no table's": {
    lie: says(columns({}), row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "T E(42501) Z(I)",
  },
  "rows that nobody described": {
    lie: says(row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "E(42501) Z(I)",
  },
  "a description of fewer columns than none": {
    lie: says(message("T", int16(-1)), row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a description that ends early": {
    lie: says(message("T", int16(3), column()), row(CANARY), DONE, READY),
    asked: MASKED,
    heard: "T E(08006)",
    ...BROKEN,
  },
  "a second ReadyForQuery": {
    lie: says(columns({}), DONE, READY, READY),
    heard: "T C(SELECT 1) Z(I) E(08006)",
    ...BROKEN,
  },
  "a ParseComplete for a query": { lie: says(message("1")), heard: "E(08006)", ...BROKEN },
  "rows behind the end of everything": {
    lie: says(columns({}), DONE, READY, row(CANARY)),
    heard: "T C(SELECT 1) Z(I) E(08006)",
    ...BROKEN,
  },
  "a state of the transaction that there is not": {
    lie: says(columns({}), DONE, message("Z", Buffer.from("?"))),
    heard: "T C(SELECT 1) E(08006)",
    ...BROKEN,
  },
  "an end without a result": { lie: says(READY), heard: "E(08006)", ...BROKEN },
  "a wish for data in the middle of a read": {
    lie: says(message("G", Buffer.of(0, 0, 0))),
    heard: "E(08006)",
    ...BROKEN,
  },
  "a wish for the password": { lie: says(message("R", int32(3))), heard: "E(08006)", ...BROKEN },
  "another key": { lie: says(message("K", int32(1), int32(2))), heard: "E(08006)", ...BROKEN },
  "a message longer than any may be": {
    lie: says(Buffer.of(0x54, 0x7f, 0xff, 0xff, 0xff)),
    heard: "E(08006)",
    ...BROKEN,
  },
  "an error whose fields do not end": {
    lie: says(message("E", Buffer.from("SERROR"))),
    heard: "E(08006)",
    ...BROKEN,
  },
  "half a message, and then nobody": {
    lie: { answer: ({ socket }) => void socket.end(row(CANARY).subarray(0, 9)) },
    heard: "E(08006)",
    code: "UPSTREAM_CLOSED",
  },
  "an error that quotes what is masked": {
    lie: says(
      error({ S: "ERROR", V: "ERROR", C: "22P02", M: `not a number: ${CANARY}`, D: CANARY, W: CANARY }),
      READY,
    ),
    asked: MASKED,
    heard: "E(22P02) Z(I)",
  },
  "an error that quotes it in fields that there are not": {
    lie: says(error({ S: "ERROR", V: "ERROR", C: "22P02", M: "no", x: CANARY, Y: CANARY }), READY),
    asked: MASKED,
    heard: "E(22P02) Z(I)",
  },
  "an error whose SQLSTATE is a story": {
    lie: says(
      error({ S: "ERROR", V: "ERROR", C: `23505 ${CANARY} ${"x".repeat(3_000_000)}`, M: "no" }),
      READY,
    ),
    asked: MASKED,
    heard: "E(08006)",
    ...BROKEN,
  },
  "a FATAL that quotes what is masked": {
    lie: {
      answer: ({ socket }) =>
        void socket.end(error({ S: "FATAL", V: "FATAL", C: "XX000", M: `at ${CANARY}`, D: CANARY })),
    },
    asked: MASKED,
    heard: "E(XX000)",
    code: "UPSTREAM_CLOSED",
  },
  "a setting whose value is the upstream's user": {
    lie: says(
      message("S", cstring("session_authorization"), cstring("orders_agent")),
      columns({}),
      DONE,
      READY,
    ),
    heard: "T C(SELECT 1) Z(I)",
  },
  "another encoding": {
    lie: says(message("S", cstring("client_encoding"), cstring("SJIS")), columns({}), DONE, READY),
    heard: "S T C(SELECT 1) Z(I)",
  },
});

test("an upstream that was taken over", { skip: skipWithoutPostgres(18) }, async (context) => {
  const server = await sharedUpstream();
  const liar = await startLiar(server.port);
  context.after(() => liar[Symbol.asyncDispose]());
  const policies = [policy({ mask: [{ postgres: { columns: ["public.orders.customer"] } }] })];
  const rig = await startRig(context, { upstreamPort: liar.port, policies });
  const witness = await wireClient(rig.port);
  context.after(() => witness.close());
  await using root = await connect(server);
  const [orders] = await root.query("select 'orders'::regclass::oid::int as oid");
  const customer = { name: "customer", table: Number(orders?.["oid"]), attribute: 2 };

  /** Somebody else's session, by the same gateway to the same upstream. */
  const othersGoOn = async (): Promise<void> => {
    const heard = await witness.talk(Q("select id, customer from orders where id = 7"));
    assert.equal(heard, "T D C(SELECT 1) Z(I)");
  };

  const codes: string[] = [];
  for (const [what, { lie, asked = "select 1 as a -- a lie", heard, code }] of Object.entries(lies(customer)))
    await context.test(`${what}: ${code ?? "nothing shows"}`, async () => {
      const victim = await wireClient(rig.port);
      liar.lie = lie;
      victim.send(Q(asked));
      // A session that does not end where it should is not waited for.
      const late = setTimeout(() => victim.close(), 3_000);
      const told = await victim.until(({ type }) => code === undefined && type === "Z");
      clearTimeout(late);
      liar.lie = {};
      leaksNothing(told);
      assert.equal(brief(told), heard);
      if (code === undefined) victim.send(Buffer.from("X\0\0\0\u0004"));
      await until(() => rig.plane.gateway.sessionCount === 1);
      codes.push(code ?? "CLIENT_CLOSED");
      await othersGoOn();
    });

  await context.test("a text after another encoding was told is judged by nobody: refused", async () => {
    const victim = await wireClient(rig.port);
    liar.lie = lies(customer)["another encoding"]?.lie ?? {};
    await victim.talk(Q("select 1 as a -- a lie"));
    liar.lie = {};
    assert.equal(await victim.talk(Q("select id from orders where id = 1")), "E(42501) Z(I)");
    victim.close();
  });

  await context.test("each of them is on record", async () => {
    let closes: Awaited<ReturnType<typeof rig.events>> = [];
    const read = async (): Promise<typeof closes> =>
      (closes = (await rig.events()).filter(({ kind }) => kind === "session.close"));
    await until(async () => (await read()).length >= codes.length);
    assert.deepEqual(closes.map(({ code }) => code).slice(0, codes.length), codes);
  });
});

function leaksNothing(heard: readonly Message[]): void {
  const text = Buffer.concat(heard.map(({ bytes }) => bytes)).toString("latin1");
  for (const secret of [CANARY, UPSTREAM_PASSWORD, "orders_agent"])
    assert.equal(text.includes(secret), false, `the client hears ${secret}`);
}
