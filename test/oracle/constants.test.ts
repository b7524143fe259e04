/** Folding says of a condition that it lets no row through; a real server has the last word. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import type { Session } from "#tools/postgres/client.ts";
import { type Analysis, openAnalysis } from "./analysis.ts";
import { costlyRuns } from "./fuzz/runs.ts";
import { openWorld } from "./world.ts";

const FUZZED = 2_500;

const literal = fc.constantFrom(
  ..."null true false 0 1 2 -1 2.5 -2.5 1.0 1.50 0.5 -0.5 1_000 1000 0x10 16 1e3 1e-400 1e400 007".split(" "),
  ..."9007199254740993 9007199254740992 0.1 0.10000000000000000001 123456789012345 -123456789012345.5".split(
    " ",
  ),
  ..."'t' 'f' 'yes' 'no' 'of' 'off' 'tru' '1' '0' '01' ' 1 ' '1.0' '1_000' '0x10' '1e3' 'a' 'A' 'a ' '' 'NaN'".split(
    / (?=')/,
  ),
);
const type = fc.constantFrom("int", "int2", "int8", "bool", "text", "numeric", "float8", "char(1)", "bpchar");
const operator = fc.constantFrom("=", "<>", "!=", "<", "<=", ">", ">=");
const distinct = fc.constantFrom("is distinct from", "is not distinct from");
const tests = "is null|is not null|is true|is not true|is false|is not false|is unknown|is not unknown";
const truth = fc.constantFrom(...tests.split("|"));

/** Written out with every bracket, so that nothing but the values is left to chance. */
const { condition } = fc.letrec<{ value: string; condition: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: "constants" },
    literal,
    fc.tuple(literal, type).map(([value, name]) => `((${value})::${name})`),
    fc.tuple(tie("value"), tie("value")).map(([one, other]) => `coalesce(${one}, ${other})`),
    fc
      .tuple(tie("condition"), tie("value"), tie("value"))
      .map(([when, yes, no]) => `case when ${when} then ${yes} else ${no} end`),
    tie("condition").map((inner) => `(${inner})`),
  ),
  condition: fc.oneof(
    { maxDepth: 3, depthIdentifier: "constants" },
    fc.tuple(tie("value"), operator, tie("value")).map((parts) => parts.join(" ")),
    fc.tuple(tie("value"), distinct, tie("value")).map((parts) => parts.join(" ")),
    fc.tuple(tie("value"), truth).map((parts) => `(${parts[0]}) ${parts[1]}`),
    fc
      .tuple(
        tie("value"),
        fc.constantFrom("in", "not in"),
        fc.array(tie("value"), { minLength: 1, maxLength: 3 }),
      )
      .map(([value, word, items]) => `${value} ${word} (${items.join(", ")})`),
    fc
      .tuple(tie("condition"), fc.constantFrom("and", "or"), tie("condition"))
      .map(([one, word, other]) => `(${one}) ${word} (${other})`),
    tie("condition").map((inner) => `not (${inner})`),
    literal,
  ),
}));

/** Undefined when the server refuses the text, as it does most of what types do not fit. */
async function letsRowsThrough(agent: Session, sql: string): Promise<boolean | undefined> {
  try {
    return (await agent.query(sql)).length > 0;
  } catch {
    return undefined;
  }
}

async function isSaidToBeOpen(analysis: Analysis, sql: string): Promise<boolean> {
  const [facts] = await analysis.of(sql, ["public"]);
  return facts?.accesses.some(({ unfiltered }) => unfiltered) ?? false;
}

test("a condition of literals that counts as never true lets no row through", {
  skip: skipWithoutPostgres(18),
}, async (t) => {
  await using world = await openWorld(18);
  await using analysis = openAnalysis(world.catalog);
  const tally = { ran: 0, never: 0 };
  await fc.assert(
    fc.asyncProperty(condition, async (text) => {
      const sql = `select id from customers where ${text}`;
      const through = await letsRowsThrough(world.agent, sql);
      if (through === undefined) return;
      tally.ran += 1;
      if (await isSaidToBeOpen(analysis, sql)) return;
      tally.never += 1;
      assert.equal(through, false, sql);
    }),
    costlyRuns(FUZZED),
  );
  t.diagnostic(`ran ${tally.ran} · never true ${tally.never}`);
  assert.ok(tally.never > FUZZED / 50, "too few were said to be never true to mean anything");
});
