import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CASES } from "#test/statements/cases/all.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { type Analysis, openAnalysis } from "./analysis.ts";
import { contradictions, readClaim } from "./contradictions.ts";
import { disguises, searchPaths, statements } from "./fuzz/grammar.ts";
import { diceFrom, PLAIN } from "./fuzz/dice.ts";
import { disguise } from "./fuzz/disguise.ts";
import { render } from "./fuzz/render.ts";
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

type Checker = (sql: string, searchPath: readonly string[]) => Promise<void>;

/** Runs `body` against a world of its own, and fails when anything that was judged a read has written there. */
async function inWorld(version: PostgresVersion, body: (check: Checker) => Promise<void>): Promise<Tally> {
  await using world = await openWorld(version);
  await using analysis = openAnalysis(world.catalog);
  const tally = { texts: 0, judgedRead: 0, ran: 0, planned: 0, failed: 0 };
  const untouched = await digest(world);
  await body((sql, searchPath) => checkOne({ world, analysis, tally }, sql, searchPath));
  assert.equal(await digest(world), untouched, "something that was judged a read has written");
  return tally;
}

async function checkOne(
  { world, analysis, tally }: { world: World; analysis: Analysis; tally: Tally },
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

const told = (tally: Tally): string =>
  Object.entries(tally)
    .map(([name, count]) => `${name} ${count}`)
    .join(" · ");

for (const version of [15, 18] as const) {
  test(`traps that are judged reads do nothing else on PostgreSQL ${version}`, {
    skip: skipWithoutPostgres(version),
  }, async (t) => {
    const tally = await inWorld(version, async (check) => {
      for (const trap of TRAPS) await check(trap, ["public"]);
    });
    t.diagnostic(told(tally));
    assert.ok(tally.ran >= 170, "too few ran to mean anything");
  });
}

test("cases that are judged reads do nothing else", { skip: skipWithoutPostgres(18) }, async (t) => {
  const tally = await inWorld(18, async (check) => {
    for (const { sql, searchPath = ["public"], notRun } of Object.values(CASES).flat())
      if (notRun === undefined) await check(sql, searchPath);
  });
  t.diagnostic(told(tally));
  assert.ok(tally.ran >= 100, "too few ran to mean anything");
});

test("generated statements that are judged reads do nothing else", {
  skip: skipWithoutPostgres(18),
}, async (t) => {
  const runs = fuzzRuns(FUZZED);
  const tally = await inWorld(18, async (check) => {
    const property = fc.asyncProperty(
      statements,
      searchPaths,
      disguises,
      disguises,
      async (tree, path, form, spelling) => {
        await check(render(tree, path, PLAIN), path);
        await check(disguise(render(tree, path, diceFrom(form)), diceFrom(spelling)), path);
      },
    );
    await fc.assert(property, { numRuns: runs, ...fuzzSeed() });
  });
  t.diagnostic(told(tally));
  assert.ok(tally.ran >= runs, "too few ran to mean anything");
});
