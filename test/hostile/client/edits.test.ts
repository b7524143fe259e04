/**
 * What runs by a name says nothing of what it shows. A policy edit in the middle of it must stop it all the same, as it stops
 * the statement that the name stands for.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { ColumnMask } from "#core/policy/decision.ts";
import { connect as connectAdmin, type Session } from "#tools/postgres/client.ts";
import { startPostgres, type PostgresServer } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Gateway, type ScriptedTap, startGateway } from "#test/postgres/support/gateway.ts";
import {
  B,
  brief,
  E,
  errorOf,
  type Message,
  P,
  Q,
  S,
  valuesOf,
  wireClient,
} from "#test/postgres/support/wire.ts";
import { say, type Step } from "../support/attack.ts";

const ROWS = 160;
const ROW_BYTES = 100_000;
/** More than all buffers on the way hold together. */
const READ = `select generate_series(1, ${ROWS}), repeat('x', ${ROW_BYTES}) from people`;
const SOME = `select generate_series(1, $1::int), repeat('x', ${ROW_BYTES}) from people`;
/** Waits for as long as the test has the lock. */
const HELD = "select pg_advisory_xact_lock_shared(1)::text from people";

interface Way {
  readonly before: readonly Step[];
  readonly runs: Step;
}

const way = (runs: Step, ...before: readonly Step[]): Way => ({ before, runs });
const BEGIN: Step = [Q("begin")];

/** Each shows rows of `people` and does not name it. */
const SHOWING: Readonly<Record<string, Way>> = {
  "FETCH from a cursor": way([Q("fetch all from c")], BEGIN, [Q(`declare c cursor for ${READ}`)]),
  "FETCH from a cursor, by the protocol": way([P("fetch all from c"), B(), E(), S], BEGIN, [
    Q(`declare c cursor for ${READ}`),
  ]),
  "FETCH from a cursor that was declared in the same text": way([
    Q(`begin; declare c cursor for ${READ}; fetch all from c`),
  ]),
  "FETCH from a cursor that outlived its transaction": way([Q("fetch all from c")], BEGIN, [
    Q(`declare c cursor with hold for ${READ}`),
    Q("commit"),
  ]),
  "FETCH from a portal": way([Q("fetch all from c")], BEGIN, [P(READ, "a"), B("c", "a"), S]),
  "FETCH from a portal that is executed in part": way([Q("fetch all from c")], BEGIN, [
    P(READ, "a"),
    B("c", "a"),
    E("c", 1),
    S,
  ]),
  "a portal that is executed further": way([E("c"), S], BEGIN, [P(READ, "a"), B("c", "a"), E("c", 1), S]),
  "a cursor that is executed as a portal": way([E("c"), S], BEGIN, [Q(`declare c cursor for ${READ}`)]),
  "EXECUTE of what PREPARE made": way([Q("execute sp")], [Q(`prepare sp as ${READ}`)]),
  "EXECUTE of what Parse made": way([Q("execute sp")], [P(READ, "sp"), S]),
  "EXECUTE with parameters": way([Q(`execute sp (${ROWS})`)], [P(SOME, "sp"), S]),
  "EXECUTE by the protocol": way([P("execute sp"), B(), E(), S], [P(READ, "sp"), S]),
  "EXECUTE of a name in a name": way([B("", "again"), E(), S], [P(READ, "sp"), P("execute sp", "again"), S]),
  "Execute of what PREPARE made": way([B("", "sp"), E(), S], [Q(`prepare sp as ${READ}`)]),
};

/** As above, and shows nothing before its end. */
const WORKING: Readonly<Record<string, Way>> = {
  "MOVE in a cursor": way([Q("move all in c")], BEGIN, [Q(`declare c cursor for ${HELD}`)]),
  "EXPLAIN ANALYZE EXECUTE": way([Q("explain analyze execute sp")], [P(HELD, "sp"), S]),
  "CREATE TABLE AS EXECUTE": way([Q("create table made as execute sp")], [Q(`prepare sp as ${HELD}`)]),
};

/** One row of many chunks and no masks: it is handed on as it comes. */
const LONG_BYTES = 16_000_000;
const LONG = `select repeat('x', ${LONG_BYTES}) from people`;
const HALF_A_ROW = {
  "a Query": {
    runs: [Q(`${LONG} union all ${LONG}`)],
    stops: "T D E(42501) Z(I)",
    goesOn: "T D D C(SELECT 2) Z(I)",
  },
  "an Execute": {
    runs: [P(`${LONG} union all ${LONG}`), B(), E(), S],
    stops: "1 2 D E(42501) Z(I)",
    goesOn: "1 2 D D C(SELECT 2) Z(I)",
  },
  "the last row": { runs: [Q(LONG)], stops: "T D E(42501) Z(I)", goesOn: "T D C(SELECT 1) Z(I)" },
  "a COPY": {
    runs: [Q(`copy (${LONG} union all ${LONG}) to stdout`)],
    stops: "H d E(42501) Z(I)",
    goesOn: "H d d c C(COPY 2) Z(I)",
  },
};
const MASK: ColumnMask = { schema: "public", table: "people", column: "id", action: "redact" };
const MASKED: ColumnMask = { ...MASK, table: "letters" };
const STOPPED = "a policy change stopped this: no longer";

const refusing =
  (table: string): ((tap: ScriptedTap) => void) =>
  (tap) => {
    tap.judge = ({ accesses }) =>
      accesses.some(({ relation }) => relation?.name === table) ? "no longer" : undefined;
  };

describe("what runs by a name while policy changes", { skip: skipWithoutPostgres(18) }, () => {
  let server: PostgresServer;
  let admin: Session;
  let gateway: Gateway;
  before(async () => {
    server = await startPostgres({ version: 18, tcp: true, settings: { fsync: "off" } });
    admin = await connectAdmin({ socketFolder: server.socketFolder, port: server.port });
    await admin.query("create table people as select 1 as id");
    await admin.query(
      `create table letters as select id, repeat('x', ${LONG_BYTES}) as body from people, generate_series(1, 2)`,
    );
    gateway = await startGateway({ server });
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await admin?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  /** Everything that is heard of it, where the edit comes when the server is at it. `settled`: the edit has been judged by. */
  // oxlint-disable-next-line max-params -- what runs, when the edit comes, and what it is, before and behind
  async function edited(
    { before: first, runs }: Way,
    event: string,
    edit: (tap: ScriptedTap) => void,
    mask: readonly ColumnMask[] = [],
    settled: () => Promise<unknown> = () => Promise.resolve(),
  ) {
    const client = await wireClient(gateway.port);
    const { tap } = gateway;
    tap.set({ mask });
    tap.changed();
    await say(client, first);
    client.socket.pause();
    client.send(...runs);
    await untilWaiting(admin, event);
    edit(tap);
    tap.changed();
    await settled();
    client.socket.resume();
    const heard = await client.untilReady();
    client.close();
    return { heard, ended: tap.results.at(-1)?.ended };
  }

  for (const [what, each] of Object.entries(SHOWING)) {
    test(`${what}: stops`, async () => {
      const { heard, ended } = await edited(each, "ClientWrite", refusing("people"));
      assert.match(brief(heard), /E\(42501\) Z\([IE]\)$/);
      assert.equal(errorOf(heard).get("M"), STOPPED);
      assert.ok(rowsIn(heard) < ROWS - 1, `${rowsIn(heard)} rows were shown`);
      assert.equal(ended, "cancelled");
    });

    test(`${what}: goes on where the edit is about something else`, async () => {
      const { heard, ended } = await edited(each, "ClientWrite", refusing("others"));
      assert.match(brief(heard), /C\([A-Z]+ \d+\) Z\([IT]\)$/);
      assert.ok(rowsIn(heard) >= ROWS - 1, `${rowsIn(heard)} rows were shown`);
      assert.equal(ended, "complete");
    });
  }

  for (const [what, each] of Object.entries(WORKING)) {
    test(`${what}: stops`, async () => {
      await admin.query("select pg_advisory_lock(1)");
      const { heard, ended } = await edited(each, "advisory", refusing("people"));
      await admin.query("select pg_advisory_unlock(1)");
      assert.match(brief(heard), /E\(42501\) Z\([IE]\)$/);
      assert.equal(errorOf(heard).get("M"), STOPPED);
      assert.equal(ended, "cancelled");
    });

    test(`${what}: goes on where the edit is about something else`, async () => {
      await admin.query("select pg_advisory_lock(1)");
      let judged = 0;
      const judging = (tap: ScriptedTap): void => {
        refusing("others")(tap);
        const { judge } = tap;
        tap.judge = (facts, text) => {
          judged += 1;
          return judge(facts, text);
        };
      };
      const letGo = (): Promise<unknown> => {
        assert.ok(judged > 0, "the edit asks about what runs");
        return admin.query("select pg_advisory_unlock(1)");
      };
      const { heard, ended } = await edited(each, "advisory", judging, [], letGo);
      assert.match(brief(heard), /C\([A-Z]+( 1)?\) Z\([IT]\)$/);
      assert.equal(ended, "complete");
    });
  }

  for (const [what, { runs, stops, goesOn }] of Object.entries(HALF_A_ROW)) {
    test(`half of a row was shown of ${what}: it ends, and nothing comes behind it`, async () => {
      const { heard } = await edited(way(runs), "ClientWrite", refusing("people"));
      assert.equal(brief(heard), stops);
      assert.equal(errorOf(heard).get("M"), STOPPED);
    });

    test(`half of a row was shown of ${what}: another edit changes nothing`, async () => {
      const { heard } = await edited(way(runs), "ClientWrite", refusing("others"));
      assert.equal(brief(heard), goesOn);
    });
  }

  test("half of a row was shown, and others are masked from now on: it ends as it began", async () => {
    const { heard } = await edited(way([Q(LONG)]), "ClientWrite", (tap) => tap.set({ mask: [MASK] }));
    assert.equal(brief(heard), "T D C(SELECT 1) Z(I)");
  });

  for (const [edit, heardThen] of Object.entries({
    letters: "T D E(42501) Z(I)",
    others: "T D D C(SELECT 2) Z(I)",
  }))
    test(`half of a masked row was shown, and ${edit} are refused from now on: it ends with its masks`, async () => {
      const { heard } = await edited(
        way([Q("select id, body from letters")]),
        "ClientWrite",
        refusing(edit),
        [MASKED],
      );
      assert.equal(brief(heard), heardThen);
      for (const row of heard.filter(({ type }) => type === "D"))
        assert.deepEqual(
          valuesOf(row).map((value) => value?.length),
          [undefined, LONG_BYTES],
        );
    });
});

const rowsIn = (heard: readonly Message[]): number => heard.filter(({ type }) => type === "D").length;

async function untilWaiting(admin: Session, event: string): Promise<void> {
  for (;;) {
    const [row] = await admin.query("select count(*)::int as n from pg_stat_activity where wait_event = $1", [
      event,
    ]);
    if (row?.["n"] === 1) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
