import assert from "node:assert/strict";
import { after, test } from "node:test";
import fc from "fast-check";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { CASES } from "#test/statements/cases/all.ts";
import { openAnalysis } from "./analysis.ts";
import { concessions } from "./demands.ts";
import { TEST_CATALOG } from "./fuzz/catalog.ts";
import { diceFrom, PLAIN } from "./fuzz/dice.ts";
import { disguise, isReadable, meaningOf } from "./fuzz/disguise.ts";
import { disguises, searchPaths, statements } from "./fuzz/grammar.ts";
import { isMorePermissive, outcomeOf, plans } from "./fuzz/policies.ts";
import { render } from "./fuzz/render.ts";
import { costlyRuns } from "./fuzz/runs.ts";
import { TRAPS } from "./traps.ts";

const analysis = openAnalysis(TEST_CATALOG);
after(() => analysis[Symbol.asyncDispose]());

let compared = 0;

const TEXT_CHARS_MAX = 1_000;

/** Where things stand moves with the spelling, and is not told of what is known by its shape; everything else has to stay. */
const bare = (facts: readonly StatementFacts[]): unknown =>
  facts.map(({ startByte: _start, lengthBytes: _length, literalOffsetsBytes: _offsets, ...rest }) => rest);

test("what a statement is called, aliased, wrapped and put in parentheses makes no policy more permissive", async (t) => {
  const outcomes = { allow: 0, ask: 0, deny: 0 };
  const property = fc.asyncProperty(
    statements,
    searchPaths,
    disguises,
    plans,
    async (tree, path, form, plan) => {
      const plain = render(tree, path, PLAIN);
      const other = render(tree, path, diceFrom(form));
      const original = await analysis.of(plain, path);
      const candidate = await analysis.of(other, path);
      compared++;
      assert.deepEqual(concessions(original, candidate), [], `${plain}\n${other}`);
      const before = outcomeOf(plan, original);
      outcomes[before] += 1;
      assert.ok(!isMorePermissive(outcomeOf(plan, candidate), before), `${plain}\n${other}`);
    },
  );
  const parameters = costlyRuns(500);
  await fc.assert(property, parameters);
  t.diagnostic(`allow ${outcomes.allow} · ask ${outcomes.ask} · deny ${outcomes.deny}`);
  assert.ok(
    outcomes.allow > parameters.numRuns / 50 && outcomes.deny > parameters.numRuns / 50,
    "policies that decide always alike prove nothing",
  );
});

test("comments, case, quotes, escapes and whitespace change nothing in a generated statement", async () => {
  const property = fc.asyncProperty(
    statements,
    searchPaths,
    disguises,
    disguises,
    async (tree, path, form, spelling) => {
      const text = render(tree, path, diceFrom(form));
      await sameFacts(text, disguise(text, diceFrom(spelling)), path);
    },
  );
  await fc.assert(property, costlyRuns(300));
});

test("nor in any of the cases and traps", async () => {
  const cases = Object.values(CASES).flat();
  // The poisonous ones are longer, and would end the parser that makes the disguises.
  const short = [...cases.map(({ sql }) => sql), ...TRAPS].filter(({ length }) => length <= TEXT_CHARS_MAX);
  const texts = short.filter(isReadable);
  assert.ok(texts.length > 400, `only ${texts.length} texts`);
  const property = fc.asyncProperty(fc.constantFrom(...texts), disguises, async (text, spelling) => {
    await sameFacts(text, disguise(text, diceFrom(spelling)), ["public"]);
  });
  await fc.assert(property, costlyRuns(1_000));
});

async function sameFacts(text: string, disguised: string, path: readonly string[]): Promise<void> {
  assert.equal(meaningOf(disguised), meaningOf(text), `a disguise that changes the meaning: ${disguised}`);
  const original = await analysis.of(text, path);
  assert.deepEqual(bare(await analysis.of(disguised, path)), bare(original), disguised);
  compared++;
}

test("that were enough disguises to mean something", (t) => {
  t.diagnostic(`figure metamorphic.disguises=${compared}`);
  assert.ok(compared >= 1_500, `${compared}`);
});

test("an analysis that forgets an access, a call or a doubt is seen to concede it", async () => {
  const original = await analysis.of("select public.leak(o) from orders o, secrets", ["public"]);
  const [whole] = original;
  assert.ok(whole !== undefined && whole.accesses.length === 2 && whole.calls.length === 1);
  assert.deepEqual(concessions(original, original), []);
  const lacking = (part: Partial<StatementFacts>): readonly string[] =>
    concessions(original, [{ ...whole, ...part }]);
  assert.deepEqual(lacking({ accesses: whole.accesses.slice(1) }), [
    "read public.orders",
    "read public.orders unfiltered",
  ]);
  assert.deepEqual(lacking({ calls: [] }), ["function public.leak"]);
  assert.equal(
    lacking({ accesses: whole.accesses.map((access) => ({ ...access, unfiltered: false })) }).length,
    2,
  );
  const doubted = await analysis.of("do 'begin end'", ["public"]);
  assert.deepEqual(concessions(doubted, [whole]), ["doubt DYNAMIC_CODE"]);
  assert.deepEqual(concessions([whole], doubted), []);
});
