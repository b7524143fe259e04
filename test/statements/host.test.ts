import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ParseOutcome } from "#core/statements/postgres/parser.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { openInstance } from "#sidecar/statements/instance.ts";
import { openParser } from "#sidecar/statements/parser.ts";
import { described, session } from "./support.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "utf8");
const said = (outcome: ParseOutcome): string =>
  "tree" in outcome ? `${outcome.tree.stmts?.length ?? 0} statements` : outcome.code;

/** PostgreSQL's parser writes these trees by recursion, and runs out of stack. An instance that went on would hang at 34. */
const POISONS: Readonly<Record<string, { readonly text: string; readonly rounds: number }>> = {
  "terms of a sum": { text: `select ${"a+".repeat(15_000)}a`, rounds: 40 },
  negations: { text: `select ${"not ".repeat(9_000)}true`, rounds: 6 },
  unions: { text: `select 1${" union select 1".repeat(15_000)}`, rounds: 6 },
  casts: { text: `select 1${"::int".repeat(30_000)}`, rounds: 6 },
  joins: { text: `select 1 from a${" cross join a".repeat(15_000)}`, rounds: 6 },
};
const GOOD = bytesOf("select id from orders where id = 1");

describe("the parser's host", () => {
  let survived = 0;
  for (const [what, { text, rounds }] of Object.entries(POISONS)) {
    it(`outlives ${rounds} texts with endless ${what}`, async () => {
      await using parser = openParser();
      let broke = 0;
      for (let round = 0; round < rounds; round++) {
        const outcome = await parser.parse(bytesOf(text), false);
        if (said(outcome) === "TOO_DEEP") broke++;
        assert.equal(said(await parser.parse(GOOD, false)), "1 statements", `after ${round + 1}`);
        survived++;
      }
      assert.equal(broke, rounds);
      // Each break costs an instance, and nothing else costs one.
      assert.equal(parser.stats().broken, broke);
      assert.equal(parser.stats().instances, broke + 1);
    });
  }

  it("outlives all of them", (t) => {
    t.diagnostic(`figure statements.survived=${survived}`);
    assert.equal(
      survived,
      Object.values(POISONS).reduce((sum, { rounds }) => sum + rounds, 0),
    );
  });

  it("keeps its instance through syntax errors", async () => {
    await using parser = openParser();
    for (let round = 0; round < 200; round++)
      assert.equal(said(await parser.parse(bytesOf("selec 1"), false)), "SYNTAX_ERROR");
    assert.equal(said(await parser.parse(GOOD, false)), "1 statements");
    assert.deepEqual(parser.stats(), { instances: 1, broken: 0 });
  });

  it("opens one instance however many statements wait for it", async () => {
    await using parser = openParser();
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => parser.parse(GOOD, false)));
    assert.ok(outcomes.every((outcome) => said(outcome) === "1 statements"));
    assert.equal(parser.stats().instances, 1);
    assert.ok(!(parser.parse(GOOD, false) instanceof Promise), "and answers at once from then on");
  });

  it("does not read a buffer that changed while it waited", async () => {
    await using parser = openParser();
    const shared = bytesOf("select 1; select 2");
    const waiting = parser.parse(shared, false);
    shared.fill(32);
    assert.equal(said(await waiting), "2 statements");
  });

  it("parses aside what it is told to, and survives a break there", async () => {
    await using parser = openParser({ deadlineMs: 30_000 });
    assert.equal(said(await parser.parse(GOOD, true)), "1 statements");
    const poison = `select ${"a+".repeat(100_000)}a`;
    for (let round = 0; round < 3; round++) {
      const outcome = await parser.parse(bytesOf(poison), true);
      assert.ok("code" in outcome, said(outcome));
      assert.equal(said(await parser.parse(GOOD, true)), "1 statements");
    }
    assert.equal(parser.stats().instances, 0, "nothing was loaded on this thread");
  });

  it("ends a parse that passes its deadline, and the next one is right", async () => {
    const slow = bytesOf(`select ${Array.from({ length: 200_000 }, (_, at) => `f(${at})`).join(", ")}`);
    await using parser = openParser({ deadlineMs: 50 });
    assert.equal(said(await parser.parse(slow, true)), "TOO_SLOW");
    await using patient = openParser({ deadlineMs: 30_000 });
    assert.notEqual(said(await patient.parse(slow, true)), "TOO_SLOW", "the same text, given time");
    assert.equal(said(await parser.parse(GOOD, true)), "1 statements");
  });

  it("holds this thread up for none of that", async () => {
    await using parser = openParser({ deadlineMs: 100 });
    const slow = bytesOf(`select ${Array.from({ length: 200_000 }, (_, at) => `f(${at})`).join(", ")}`);
    await parser.parse(GOOD, false);
    const overdue = parser.parse(slow, true);
    for (let answered = 0; answered < 20; answered++) {
      assert.ok(!(parser.parse(GOOD, false) instanceof Promise));
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert.equal(said(await overdue), "TOO_SLOW");
  });

  it("refuses when too many wait aside, and serves those that fit", async () => {
    await using parser = openParser({ queueMax: 2, deadlineMs: 30_000 });
    const outcomes = await Promise.all([1, 2, 3, 4].map(() => parser.parse(GOOD, true)));
    assert.deepEqual(outcomes.map(said), ["1 statements", "1 statements", "1 statements", "TOO_SLOW"]);
  });

  it("refuses what comes while it closes", async () => {
    const parser = openParser();
    const waiting = parser.parse(GOOD, true);
    await parser[Symbol.asyncDispose]();
    assert.equal(said(await waiting), "TOO_SLOW");
    assert.equal(said(await parser.parse(GOOD, true)), "TOO_SLOW");
  });

  it("never tells PostgreSQL's own words, which quote the text", async () => {
    const instance = await openInstance();
    const outcome = instance.parse(bytesOf("alter role me password 'hunter2' hunter2"));
    assert.ok(
      "syntaxError" in outcome && outcome.syntaxError.includes("hunter2"),
      "the parser does quote it",
    );
    await using analyst = openAnalyst();
    const request = await analyst.analyse("alter role me password 'hunter2' hunter2", session());
    assert.ok(!JSON.stringify(request).includes("hunter2"));
    assert.equal(described(request), "unknown: ?SYNTAX_ERROR");
  });
});
