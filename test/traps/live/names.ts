/** Names of a session: what they stand for when they are defined in one way and used in another, or defined twice. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { B, C, D, E, P, Q, S } from "#test/postgres/support/wire.ts";
import { answered, asDirect, shownNothing, type Stage } from "../support/stage.ts";

const OPEN = "select upper(email) from plain";
const SECRET = "select upper(email) from people";
const COULD_SHOW = /^42501 .*could show a masked column/;

export function nameTraps(there: () => Stage): void {
  test("trap 14: PREPARE under a name that Parse had is judged as what PREPARE said", async () => {
    const parsed = [P(OPEN, "p"), B("", "p"), D("P"), E(), S];
    const again = [Q("deallocate p"), Q(`prepare p as ${SECRET}`)];
    for (const use of [[B("", "p"), E(), S], [B("", "p"), D("P"), E(), S], [Q("execute p")]])
      assert.match(await shownNothing(there(), parsed, again, use), COULD_SHOW);
    // And the other way round: what is open is shown.
    const client = await there().client(there().masked);
    await answered(client, Q(`prepare p as ${SECRET}`), Q("deallocate p"), P(OPEN, "p"), S);
    assert.equal(await answered(client, Q("execute p")), "OPEN@X | OPEN@Y");
  });

  test("trap 14: DECLARE under a name that Bind had, and Bind under one that DECLARE had", async () => {
    const begin = [Q("begin")];
    const declare = (text: string) => [Q(`declare c cursor for ${text}`)];
    const bind = (text: string) => [P(text), B("c"), D("P", "c"), S];
    const close = [Q("close c")];
    for (const use of [[E("c"), S], [Q("fetch all from c")]]) {
      assert.match(await shownNothing(there(), begin, bind(OPEN), close, declare(SECRET), use), COULD_SHOW);
      assert.match(await shownNothing(there(), begin, declare(OPEN), close, bind(SECRET), use), COULD_SHOW);
      const open = await shownNothing(there(), begin, declare(SECRET), close, bind(OPEN), use);
      assert.equal(open, "OPEN@X | OPEN@Y");
    }
  });

  test("trap 14: PREPARE in a string that fails later has been carried out", async () => {
    const { masked } = there();
    const failing = [Q(`deallocate p; prepare p as ${SECRET}; select 1/0`)];
    for (const use of [[Q("execute p")], [B("", "p"), E(), S]]) {
      const told = await shownNothing(there(), [Q(`prepare p as ${OPEN}`)], failing, use);
      assert.match(told, /^42501 .*did not define/);
    }
    // Alone, it fails alone, and the one before stays what it was.
    const client = await there().client(masked);
    await answered(client, Q(`prepare p as ${OPEN}`));
    assert.match(await answered(client, Q("prepare p as select 1")), /^42P05/);
    assert.equal(await answered(client, Q("execute p")), "OPEN@X | OPEN@Y");
  });

  test("trap 14: a cursor that outlives its transaction outlives a failure behind it", async () => {
    const declared = [Q(`declare c cursor with hold for ${OPEN}`)];
    const failing = [Q(`close c; begin; declare c cursor with hold for ${SECRET}; commit; select 1/0`)];
    for (const use of [[Q("fetch all from c")], [E("c"), S]])
      assert.match(await shownNothing(there(), declared, failing, use), /^42501 .*did not define/);
  });

  test("trap 14: a name that a later group defines is known although an earlier one of that name failed", async () => {
    const { open } = there();
    const run = [B("", "p"), E(), S];
    for (const [first, before] of [
      [[P("selec", "p"), S], []],
      [[P("selec"), C("S", "p"), S], []],
      [[P("select 1", "p"), S], [Q("prepare p as select 41")]],
    ] as const) {
      const client = await there().client(open);
      if (before.length > 0) await answered(client, ...before);
      await answered(client, ...first, P("select 41", "p"), S);
      const decided = open.tap.decided.length;
      for (const _ of [1, 2, 3]) assert.equal(await answered(client, ...run), "41");
      // The first run may use the decision of its Parse; none goes unrecorded.
      assert.ok(open.tap.decided.length >= decided + 2, open.tap.decided.join());
      assert.equal(open.tap.results.filter(({ rows }) => rows === 1).length, 3);
    }
  });

  test("trap 14: what a string prepares behind DEALLOCATE ALL is known", async () => {
    const { open } = there();
    const client = await there().client(open);
    assert.equal(await answered(client, Q("deallocate all; prepare p as select 7")), "");
    for (const _ of [1, 2]) assert.equal(await answered(client, B("", "p"), E(), S), "7");
    assert.equal(open.tap.decided.length, 3);
    assert.equal(open.tap.decided.at(-1), "prepare p as select 7");
  });

  test("trap 14: a prepared statement means what the search path of its run says, however it was prepared", async () => {
    const { admin } = there();
    await admin.query(`
      create schema first; create view first.thing as select 1 as n;
      create schema second; create view second.thing as select 2 as n`);
    const gateway = await there().gateway({
      judge: ({ accesses, doubts }) => {
        const isSecond = accesses.some(({ relation }) => relation?.schema === "second");
        return isSecond ? "second is not for agents" : doubts[0]?.text;
      },
    });
    for (const prepare of [[Q("prepare p as select n from thing")], [P("select n from thing", "p"), S]])
      for (const use of [[Q("execute p")], [B("", "p"), E(), S]]) {
        const client = await there().client(gateway);
        await answered(client, Q("set search_path = first"));
        await answered(client, ...prepare);
        assert.equal(await answered(client, ...use), "1");
        await answered(client, Q("set search_path = second"));
        assert.equal(await answered(client, ...use), "42501 second is not for agents");
        await answered(client, Q("set search_path = first"));
        assert.equal(await answered(client, ...use), "1");
        client.close();
      }
  });

  test("trap 14: portals end with their transaction, statements do not, as without a gateway", async () => {
    const { open } = there();
    await asDirect(
      there(),
      open,
      [Q("begin"), P("select generate_series(1, 3)", "s"), B("p", "s"), E("p", 1), S],
      [Q("rollback")],
      [E("p", 1), S],
      [B("", "s"), E(), S],
      [P("select 1", "s"), S],
      [C("S", "s"), P("select 2", "s"), B("", "s"), E(), S],
      [Q("discard all")],
      [B("", "s"), E(), S],
      [P("select 3"), S],
      [P("selec"), S],
      [B(), E(), S],
      [P("select 4"), S],
      [Q("select 5")],
      [B(), E(), S],
      [Q("begin; declare h cursor with hold for select 6; commit")],
      [E("h"), S],
      [Q("close all")],
      [E("h"), S],
    );
  });
}
