import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import { withoutComments } from "#core/statements/postgres/comments.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { openInstance } from "#sidecar/statements/instance.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { described, session } from "./support.ts";

const analyst = openAnalyst();
after(() => analyst[Symbol.asyncDispose]());
const judge = async (sql: string): Promise<string> => described(await analyst.analyse(sql, session()));

const blanked = (text: string): string | undefined => {
  const bytes = withoutComments(Buffer.from(text));
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
};

describe("a comment where PostgreSQL looks ahead", () => {
  const REMARKS: readonly (readonly [remarked: string, plain: string])[] = [
    ["select id from orders where id not /* why */ in (1)", "select id from orders where id not in (1)"],
    [
      "select id from orders where note not --c\n like 'a%'",
      "select id from orders where note not like 'a%'",
    ],
    ["select id from orders order by 1 nulls /**/ first", "select id from orders order by 1 nulls first"],
    ["select now()::timestamp with /*/**/*/ time zone", "select now()::timestamp with time zone"],
    [
      "select * from generate_series(1, 2) with --\n ordinality",
      "select * from generate_series(1, 2) with ordinality",
    ],
    [`select id from U&"s!0065crets" /* so */ uescape '!'`, `select id from U&"s!0065crets" uescape '!'`],
    ["select id from orders where note = 'a' -- first\n 'b'", "select id from orders where note = 'a'\n 'b'"],
    ["select E'a' --'\n '\\'; drop table orders --'", "select E'a\\'; drop table orders --'"],
  ];
  for (const [remarked, plain] of REMARKS) {
    it(JSON.stringify(remarked), async () => {
      const said = await judge(plain);
      assert.ok(!said.includes("?SYNTAX_ERROR"), said);
      assert.equal(await judge(remarked), said);
    });
  }

  it("moves nothing: the statements and literals stay where they are", async () => {
    const at = async (sql: string): Promise<unknown> =>
      (await analyst.analyse(sql, session())).statements.map((facts) => [
        facts.startByte,
        facts.lengthBytes,
        facts.literalOffsetsBytes,
      ]);
    const remarked = "select 'ü' /*é*/; select 1 where 2 not /*c*/ in (3)";
    assert.deepEqual(await at(remarked), await at(blanked(remarked) ?? ""));
    assert.deepEqual(await at(remarked), [
      [0, 18, [7]],
      [20, 33, [27, 35, 51]],
    ]);
  });

  it("does not make a statement of what PostgreSQL refuses", async () => {
    for (const sql of [
      "select 'a' /* c */ 'b'",
      "select 'a' /* c */\n 'b'",
      "select 'a' --c\n /* c */ 'b'",
      "select 'a' /* c */ --c\n /* c */ 'b'",
      "select id from orders where id not /* open in (1)",
      "select 1 /* /* */ + 1",
    ])
      assert.equal(await judge(sql), "unknown: ?SYNTAX_ERROR", sql);
  });
});

describe("what is blanked", () => {
  const SAME = [
    "select '--' /",
    `select "/*" , "--"`,
    "select E'\\'--' , '/*'",
    "select E'a'\n'\\'--' , '/*'",
    "select 'a\\' , '--'",
    "select $$ -- $$ , $a$ /* $$ $a$",
    "select a$$ , $b",
    "select note'--'",
    "select U&'\\0041--' , N'--' , B'0--' , X'/*'",
    "select '''--'",
    "select 'open -- ",
    "select $1$$--$$",
    "select 1 --c\n /* open",
  ];
  for (const text of SAME)
    it(`is nothing of ${JSON.stringify(text)}`, () => assert.equal(blanked(text), undefined));

  const CUT: readonly (readonly [string, string])[] = [
    ["1--a\r2", "1   \r2"],
    ["1--a'\n'2", "1    \n'2"],
    ["1+--a\n2", "1+   \n2"],
    ["1*/*a\n*/2", "1*      2"],
    ["1/*/*'*/*/2", "1         2"],
    ["1/***/2", "1     2"],
    ["1/*/2*/3", "1      3"],
    ["a$$--$$", "a$$    "],
    ["note'\\'--'", "note'\\'   "],
    ["E'\\\\'--'", "E'\\\\'   "],
    ["'a'--b\n'c'", "'a'   \n'c'"],
    ["E'a' --'\n '\\'--' --", "E'a'    \n '\\'--'   "],
    ["/*é*/1", "      1"],
  ];
  for (const [text, left] of CUT)
    it(`leaves ${JSON.stringify(left)} of ${JSON.stringify(text)}`, () => assert.equal(blanked(text), left));

  it("is found in time that grows with the text alone", { timeout: 60_000 }, () => {
    // Quadratic, this would take hours.
    const bytes = Buffer.from(`'a'${"/**/".repeat(2_000_000)}`);
    assert.notEqual(withoutComments(bytes), undefined);
  });
});

describe("blanking", () => {
  const lexeme = fc.constantFrom(
    ..."select|from|orders|where|id|not|in|(1)|,|;|1|=|'a'|'|''|\"|\"o\"|E'\\''|E'|\\|e|$$|$a$|a$$|$1|--|--c\n|/*|*/|/* c */|\n|\r| |+|/|*|-|U&'|U&\"|uescape|'!'|nulls|first|order by|with|ordinality|é|do|as|B'|N'".split(
      "|",
    ),
  );
  it("never gives another tree where the parser takes both texts", async () => {
    const instance = await openInstance();
    const treeOf = (bytes: Uint8Array): string | undefined => {
      const outcome = instance.parseAsIs(bytes);
      return "json" in outcome ? outcome.json : undefined;
    };
    let compared = 0;
    const text = fc.array(lexeme, { maxLength: 12 }).map((parts) => `select ${parts.join("")}`);
    const property = fc.property(text, (sql) => {
      const bytes = Buffer.from(sql);
      const other = withoutComments(bytes);
      const before = treeOf(bytes);
      if (before === undefined || other === undefined) return;
      const afterwards = treeOf(other);
      // `nulls/**/first` is a column and its alias to this parser, and an error to PostgreSQL, which looks past the comment.
      if (afterwards === undefined) return;
      compared++;
      assert.equal(afterwards, before, JSON.stringify(sql));
    });
    const runs = fuzzRuns(8_000);
    fc.assert(property, { numRuns: runs, ...fuzzSeed() });
    assert.ok(compared > runs / 1_000, `only ${compared} runs compared anything`);
  });
});
