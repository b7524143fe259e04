/** Blanking comments must mean to PostgreSQL itself what the text meant: the same rows, or the same complaint. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withoutComments } from "#core/statements/postgres/comments.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { costlyRuns } from "./fuzz/runs.ts";

const REMARKABLE = [
  "select 1 where 1 not /* c */ in (2)",
  "select 1 order by 1 nulls -- c\n first",
  "select now()::timestamp with /* c */ time zone is null",
  "select * from generate_series(1, 2) with /* c */ ordinality",
  `select 1 as U&"!0061" /* c */ uescape '!'`,
  "select 'a' -- c\n 'b'",
  "select E'a' --'\n '\\'; select 2 --'",
  "select E'a'\r'\\'--', 2 --'",
  "select 'a' /* c */\n 'b'",
  "select 'a' -- c\n /* c */ 'b'",
  "select 'a'::text /*/* c */*/ || 'b' --c",
  "select $a$--$a$, $$/*$$, 1 a$$--$$",
  "select B'01' -- c\n '10', X'1f'--\n'2', N'a' --\n 'b'",
  "select 1 /* open",
];

const comment = fc.constantFrom("--c\n", "--'\n", "--\r", "--", "/**/", "/*'*/", "/*/**/*/", "/*", "*/");
const lexeme = fc.constantFrom(
  ..."1|'1'|'b'|''|'|E'|\\'|\"|\"a\"|$$|$a$|a$$|$1|\n|\r| |,|+|/|*|-|not|in (1)|is null|as a|U&'|uescape '!'|||::text|;|e|B'|N'|order by 1|nulls|first".split(
    "|",
  ),
);
const texts = fc
  .array(fc.oneof(comment, lexeme, fc.constant(" ")), { minLength: 2, maxLength: 9 })
  .map((parts) => `select 1${parts.join("")}`);

test("blanking comments changes no answer of PostgreSQL 18", { skip: skipWithoutPostgres(18) }, async (t) => {
  await using server = await startPostgres({ version: 18 });
  await using session = await connect(server);
  const parameters = costlyRuns(500);
  let compared = 0;
  let answered = 0;
  const check = async (text: string): Promise<void> => {
    const blanked = withoutComments(Buffer.from(text));
    if (blanked === undefined) return;
    const said = await answerTo(session, text);
    assert.deepEqual(await answerTo(session, Buffer.from(blanked).toString()), said, JSON.stringify(text));
    compared++;
    if (said.rows !== undefined) answered++;
  };
  for (const text of REMARKABLE) await check(text);
  assert.ok(answered >= 8, `${answered} answered`);
  await fc.assert(fc.asyncProperty(texts, check), parameters);
  assert.ok(compared > parameters.numRuns / 5, `${compared} compared`);
  t.diagnostic(`compared ${compared}, of which answered ${answered}`);
});

/** A syntax error is told apart by its place, which blanking keeps, and not by the text that its message quotes. */
async function answerTo(
  session: Session,
  text: string,
): Promise<{ rows?: unknown; code?: unknown; position?: unknown }> {
  try {
    return { rows: await session.query(text) };
  } catch (error) {
    const { code, position } = error as { code?: string; position?: string };
    if (code === undefined) throw error;
    return { code, position };
  }
}
