import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { CASES } from "#test/statements/cases/all.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { type Analysis, openAnalysis } from "./analysis.ts";
import { contradictions, readClaim } from "./contradictions.ts";
import { disguises, searchPaths, statements } from "./fuzz/grammar.ts";
import { diceFrom, PLAIN } from "./fuzz/dice.ts";
import { disguise } from "./fuzz/disguise.ts";
import { render } from "./fuzz/render.ts";
import { costlyRuns } from "./fuzz/runs.ts";
import { digest, observe } from "./observe.ts";
import { TRAPS } from "./traps.ts";
import { openWorld, type World } from "./world.ts";

const FUZZED = 300;

interface Tally {
  texts: number;
  judgedRead: number;
  ran: number;
  planned: number;
  failed: number;
}

/** Analyses a text and, when it is judged to do nothing but read, runs it and fails on whatever it did beyond. */
async function check(
  { world, analysis }: Lab,
  tally: Tally,
  sql: string,
  searchPath: readonly string[],
): Promise<void> {
  tally.texts += 1;
  const claim = readClaim(await analysis.of(sql, searchPath));
  if (claim === undefined) return;
  tally.judgedRead += 1;
  const seen = await observe(world, sql, searchPath);
  tally[seen.how] += 1;
  assert.deepEqual(contradictions(claim, seen, world.graph), [], sql);
}

interface Lab {
  readonly world: World;
  readonly analysis: Analysis;
}

type Texts = (check: (sql: string, searchPath: readonly string[]) => Promise<void>) => Promise<void>;

const sum = { judgedRead: 0, ran: 0 };

async function checkAll(t: TestContext, lab: Lab, texts: Texts, ranMin: number): Promise<void> {
  const tally = { texts: 0, judgedRead: 0, ran: 0, planned: 0, failed: 0 };
  const untouched = await digest(lab.world);
  await texts((sql, searchPath) => check(lab, tally, sql, searchPath));
  assert.equal(await digest(lab.world), untouched, "something that was judged a read has written");
  sum.judgedRead += tally.judgedRead;
  sum.ran += tally.ran;
  const figures = Object.entries(tally).map(([name, count]) => `${name} ${count}`);
  t.diagnostic(figures.join(" · "));
  assert.ok(tally.ran >= ranMin, "too few ran to mean anything");
}

const traps: Texts = async (check) => {
  for (const trap of TRAPS) await check(trap, ["public"]);
};

const cases: Texts = async (check) => {
  for (const { sql, searchPath = ["public"], notRun } of Object.values(CASES).flat())
    if (notRun === undefined) await check(sql, searchPath);
};

const generated =
  (parameters: ReturnType<typeof costlyRuns>): Texts =>
  (check) =>
    fc.assert(
      fc.asyncProperty(statements, searchPaths, disguises, disguises, async (tree, path, form, spelling) => {
        await check(render(tree, path, PLAIN), path);
        await check(disguise(render(tree, path, diceFrom(form)), diceFrom(spelling)), path);
      }),
      parameters,
    );

test("what is judged a read does nothing else on PostgreSQL 18", {
  skip: skipWithoutPostgres(18),
}, async (t) => {
  await using world = await openWorld(18);
  await using analysis = openAnalysis(world.catalog);
  const lab = { world, analysis };
  const parameters = costlyRuns(FUZZED);
  await t.test("in the traps", (t) => checkAll(t, lab, traps, 170));
  await t.test("in the cases", (t) => checkAll(t, lab, cases, 120));
  await t.test("in generated statements", (t) =>
    checkAll(t, lab, generated(parameters), parameters.numRuns / 2),
  );
});

test("nor on PostgreSQL 15", { skip: skipWithoutPostgres(15) }, async (t) => {
  await using world = await openWorld(15);
  await using analysis = openAnalysis(world.catalog);
  await checkAll(t, { world, analysis }, traps, 170);
});

test("that were enough to mean something", { skip: skipWithoutPostgres(18) }, (t) => {
  t.diagnostic(`figure oracle.judged-read=${sum.judgedRead}`);
  t.diagnostic(`figure oracle.executed=${sum.ran}`);
  assert.ok(sum.judgedRead >= 600 && sum.ran >= 500, `${sum.judgedRead} judged reads, ${sum.ran} executed`);
});
