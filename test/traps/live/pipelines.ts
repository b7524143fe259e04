/** Messages in order: what is refused, skipped, answered at once, and what a group leaves behind. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { test } from "node:test";
import { serialize } from "pg-protocol";
import { int16, int32, message } from "#core/wire/postgres/fields.ts";
import {
  B,
  brief,
  C,
  D,
  E,
  errorOf,
  H,
  type Message,
  P,
  Q,
  S,
  valuesOf,
  type WireClient,
} from "#test/postgres/support/wire.ts";
import { answered, asDirect, hear, type Stage } from "../support/stage.ts";

const REFUSED = "select secret from forbidden";
const insert = (n: number): Buffer[] => [P(`insert into kept values (${n})`), B(), E()];

/** Sends, and hears that many ReadyForQuery. */
async function hearReadies(client: WireClient, count: number, ...messages: readonly Buffer[]) {
  client.send(...messages);
  const heard: Message[] = [];
  for (let ready = 0; ready < count; ready += 1) heard.push(...(await client.untilReady()));
  return brief(heard);
}

async function kept({ admin }: Stage): Promise<string> {
  const rows = await admin.query("select n from kept order by n");
  await admin.query("truncate kept");
  return rows.map(({ n }) => n).join();
}

export function pipelineTraps(there: () => Stage): void {
  test("trap 10: rows are handed on by chunks, also where each of them is changed", async () => {
    const { masked, open } = there();
    const { write } = Socket.prototype;
    for (const [gateway, text] of [
      [open, "select n, 'x' || n from generate_series(1, 20000) n"],
      [masked, "select p.email from people p, generate_series(1, 10000) n"],
    ] as const) {
      const client = await there().client(gateway);
      await answered(client, Q("select 1"));
      let writes = 0;
      const counted = function (this: Socket, ...given: Parameters<typeof write>): boolean {
        if (this.localPort === gateway.port) writes += 1;
        return write.apply(this, given);
      };
      Socket.prototype.write = counted as typeof write;
      try {
        const rows = (await hear(client, Q(text))).filter(({ type }) => type === "D");
        assert.equal(rows.length, 20_000);
      } finally {
        Socket.prototype.write = write;
      }
      assert.ok(writes > 0 && writes < 400, `${writes} writes for 20,000 rows`);
      client.close();
    }
  });

  test("trap 11: while a decision is waited for, the upstream is heard and nothing of the client goes on", async () => {
    const { open, admin } = there();
    const client = await there().client(open);
    await answered(client, Q("listen held"));
    let decide: () => void = () => undefined;
    const decision = open.tap.decide.bind(open.tap);
    open.tap.decide = (request, text) =>
      new Promise((resolve) => {
        decide = () => resolve(decision(request, text));
      });
    client.send(P("select 1"), B(), E(), H);
    await admin.query("notify held, 'news'");
    const [first] = await client.until(() => true);
    assert.equal(first?.type, "A");
    decide();
    assert.equal(brief(await client.until(({ type }) => type === "C")), "1 2 D C(SELECT 1)");
    client.close();
  });

  test("trap 12: a refusal is told at once, not at the Sync that is still to come", async () => {
    const { strict } = there();
    const direct = await there().direct();
    const through = await there().client(strict);
    for (const [client, text, code] of [
      [direct, "selec", "42601"],
      [through, REFUSED, "42501"],
    ] as const) {
      client.send(P("select 1"), B(), E(), P(text));
      const heard = await client.until(({ type }) => type === "E");
      assert.equal(brief(heard), `1 2 D C(SELECT 1) E(${code})`);
      assert.equal(await client.talk(B(), E(), S), "Z(I)");
      client.close();
    }
  });

  test("trap 12: what stands before a refused statement is undone, what stands behind it never runs", async () => {
    const { strict } = there();
    for (const refused of [
      [P(REFUSED)],
      [P(REFUSED, "named"), B("", "named"), E()],
      [P("select 1"), B(), E(), P(REFUSED)],
      [Q(REFUSED)],
    ]) {
      const client = await there().client(strict);
      const heard = await hear(client, ...insert(1), ...refused, ...insert(2), S, ...insert(3), S);
      assert.equal(errorOf(heard).get("C"), "42501");
      const hasQuery = refused.some((each) => each[0] === 0x51);
      // A Query is answered by itself, so that what comes behind it is another group.
      assert.equal(await kept(there()), hasQuery ? "2,3" : "3");
      assert.equal(brief(heard).match(/Z\(I\)/g)?.length, hasQuery ? 3 : 2);
      client.close();
    }
  });

  test("trap 12: in a transaction of the client's a refusal aborts it, and savepoints bring it back", async () => {
    const { strict } = there();
    const play = async (client: WireClient, text: string): Promise<string[]> => {
      const lines: string[] = [];
      for (const step of [
        [Q("begin"), ...insert(1), S],
        [Q("savepoint s"), ...insert(2), P(text), B(), E(), S],
        [...insert(3), S],
        [Q("rollback to s"), ...insert(4), S],
        [Q("commit")],
      ])
        lines.push(brief(await hear(client, ...step)).replaceAll(/E\(4\w+\)/g, "E(4…)"));
      client.close();
      return lines;
    };
    const direct = await play(await there().direct(), "select * from absent");
    assert.equal(await kept(there()), "1,4");
    assert.deepEqual(await play(await there().client(strict), REFUSED), direct);
    assert.equal(await kept(there()), "1,4");
  });

  test("trap 13: a string is refused whole, before any of it is carried out", async () => {
    const { strict } = there();
    const client = await there().client(strict);
    for (const text of [
      `insert into kept values (1); ${REFUSED}`,
      `begin; insert into kept values (1); commit; ${REFUSED}`,
      `${REFUSED}; insert into kept values (1)`,
      `insert into kept values (1); selec`,
    ])
      assert.match(await answered(client, Q(text)), /^42(?:501|601)/);
    assert.equal(await kept(there()), "");
    assert.equal(await answered(client, Q("insert into kept values (1); select 7")), "7");
    assert.equal(await kept(there()), "1");
  });

  test("trap 15: a Bind's formats are what a result has, whatever a Describe has said", async () => {
    const { masked } = there();
    const text = "select id, email, city from people where id = 1";
    const bind = (...formats: number[]): Buffer =>
      message(
        "B",
        Buffer.from("\0p\0"),
        int16(0),
        int16(0),
        int16(formats.length),
        ...formats.map((format) => int16(format)),
      );
    for (const [formats, id] of [
      [[], "1"],
      [[0], "1"],
      [[1], "\0\0\0\u0001"],
      [[1, 0, 0], "\0\0\0\u0001"],
      [[0, 1, 1], "1"],
    ] as const)
      for (const describe of [[], [D("S", "p")], [D("P")]]) {
        const client = await there().client(masked);
        const heard = await hear(client, P(text, "p"), ...describe.slice(0, 1), bind(...formats), E(), S);
        const rows = heard.filter(({ type }) => type === "D").map(valuesOf);
        // Describing a portal that is not there yet fails, as it does on the server itself.
        if (describe[0]?.[5] === 0x50) assert.equal(errorOf(heard).get("C"), "34000");
        else assert.deepEqual(rows, [[id, "***", "Riga"]]);
        client.close();
      }
  });

  test("trap 15: rows that nobody described, of a statement whose table has changed since", async () => {
    const { masked, admin } = there();
    await admin.query("drop table if exists moving; create table moving (id int, email text, note text)");
    await admin.query("insert into moving values (1, 'open', 'Canary-9')");
    const client = await there().client(masked);
    const run = [B("", "m"), E(), S];
    await answered(client, P("select * from moving", "m"), S);
    assert.equal(await answered(client, ...run), "1,open,Canary-9");
    await admin.query("alter table moving add column more int");
    assert.match(await answered(client, ...run), /^0A000 cached plan must not change result type/);
    await answered(client, C("S", "m"), P("select * from moving", "m"), S);
    assert.equal(await answered(client, ...run), "1,open,Canary-9,NULL");
    client.close();
  });

  test("trap 19: COPY in, in the middle of a pipeline, as without a gateway", async () => {
    const { open } = there();
    const data = (text: string): Buffer => serialize.copyData(Buffer.from(text));
    const done = serialize.copyDone();
    const copy = [P("copy kept from stdin"), B(), E()];
    const cases: Readonly<Record<string, readonly [readies: number, ...messages: Buffer[]]>> = {
      "whole, behind and before others": [1, ...insert(1), ...copy, data("2\n3\n"), done, ...insert(4), S],
      "given up": [1, ...insert(1), ...copy, data("2\n"), serialize.copyFail("no"), ...insert(4), S],
      "in pieces that end in a row": [1, ...copy, data("2"), data("3\n4"), H, data("\n"), done, S],
      "with a Sync before the data": [1, ...copy, S, data("2\n"), done, S],
      "simple, and Syncs that are read over": [1, Q("copy kept from stdin"), S, data("2\n"), S, done],
      "of no data": [1, ...copy, done, S],
      "twice in one string": [
        1,
        Q("copy kept from stdin; copy kept from stdin"),
        data("2\n"),
        done,
        data("3\n"),
        done,
      ],
      "wrong data": [1, ...insert(1), ...copy, data("x\n"), data("2\n"), done, S],
    };
    for (const [what, [readies, ...messages]] of Object.entries(cases)) {
      const straight = await hearReadies(await there().direct(), readies, ...messages);
      const left = await kept(there());
      const client = await there().client(open);
      assert.equal(await hearReadies(client, readies, ...messages), straight, what);
      assert.equal(await kept(there()), left, what);
      assert.equal(await answered(client, Q("select 'usable'")), "usable");
      client.close();
    }
  });

  test("trap 20: a call by number is refused as an error of its own would be, wherever it stands", async () => {
    const { open } = there();
    const call = (oid: number): Buffer => message("F", int32(oid), int16(0), int16(0), int16(0));
    const { version, admin } = there();
    const [row] = await admin.query("select 'pg_catalog.now'::regproc::oid::int as oid");
    for (const step of [
      [[call(1)]],
      [[...insert(1), call(1), ...insert(2), S]],
      [[Q("begin"), call(1), Q("rollback")]],
    ]) {
      const play = async (client: WireClient): Promise<string> => {
        const heard = brief(await hear(client, ...(step[0] ?? [])).catch(() => []));
        client.close();
        return `${heard} ${await kept(there())}`.replaceAll(/E\(\w+\)/g, "E");
      };
      assert.equal(await play(await there().client(open)), await play(await there().direct()), `${version}`);
    }
    // Behind an error it is read over, and has no answer of its own.
    for (const client of [await there().direct(), await there().client(open)]) {
      assert.equal(await hearReadies(client, 1, P("selec"), call(1), S), "E(42601) Z(I)");
      assert.equal(await client.talk(Q("select 1")), "T D C(SELECT 1) Z(I)");
      client.close();
    }
    // One that would work without a gateway, and here where policy reads nothing.
    const client = await there().client(open);
    const judge = open.tap.judge;
    assert.equal(await client.talk(call(Number(row?.["oid"]))), "V Z(I)");
    open.tap.judge = ({ doubts }) => (doubts.length > 0 ? "it cannot be told" : undefined);
    assert.equal(await client.talk(call(Number(row?.["oid"]))), "E(0A000) Z(I)");
    open.tap.judge = judge;
    client.close();
  });

  test("trap 23: a string of several statements has a result for each and one end", async () => {
    const { open } = there();
    await asDirect(
      there(),
      open,
      [Q("")],
      [Q(";;")],
      [Q("-- nothing")],
      [Q("select 1; ; select 2, 'b'; create temp table v (n int); insert into v values (1); table v")],
      [Q("select 1; select 1/0; select 2")],
      [Q("begin; select 1"), Q("select 2; commit; select 3")],
      [P(""), B(), D("P"), E(), S],
      [P("-- nothing"), B(), E(), S],
      [P("select 1; select 2"), S],
    );
  });

  test("trap 23: each result of a string has the masks of its own statement", async () => {
    const { masked } = there();
    const client = await there().client(masked);
    const heard = await hear(
      client,
      Q("select email from plain where id = 1;; select email from people where id = 1; select 'free'"),
    );
    assert.equal(brief(heard), "T D C(SELECT 1) T D C(SELECT 1) T D C(SELECT 1) Z(I)");
    const rows = heard.filter(({ type }) => type === "D").map(valuesOf);
    assert.deepEqual(rows, [["open@x"], ["***"], ["free"]]);
    assert.match(
      await answered(client, Q("select upper(email) from plain; select upper(email) from people")),
      /^42501/,
    );
    client.close();
  });
}
