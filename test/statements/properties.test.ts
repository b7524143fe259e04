import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import fc from "fast-check";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CASES } from "./cases/all.ts";
import { statementItems, session } from "./support.ts";

const analyst = openAnalyst();
const forgetful = openAnalyst({ cacheBytesMax: 0 });
after(async () => {
  await analyst[Symbol.asyncDispose]();
  await forgetful[Symbol.asyncDispose]();
});
const context = session();
const judge = async (sql: string): Promise<PostgresRequest> => analyst.analyse(sql, context);
const parameters = (runs: number) => ({ numRuns: fuzzRuns(runs), ...fuzzSeed() });

const relation = fc.constantFrom("orders", "public.customers", "secrets", "audit.events", "s", '"Orders"');
const column = fc.constantFrom(
  "id",
  "o.note",
  "secrets.value",
  "public.orders.id",
  "(o).total",
  "o.*",
  "leak",
);
const literal = fc.constantFrom(
  "1",
  "'x'",
  "null",
  "true",
  "$1",
  "array[1]",
  "'a'::mood",
  "interval '1' day",
);

const { query } = fc.letrec<{ query: string; expression: string; from: string }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    literal,
    column,
    fc
      .tuple(
        tie("expression"),
        fc.constantFrom("+", "=", "and", "or", "||", "is distinct from", "like"),
        tie("expression"),
      )
      .map((parts) => parts.join(" ")),
    fc
      .tuple(fc.constantFrom("lower", "count", "leak", "app.f", "json_agg"), tie("expression"))
      .map(([name, of]) => `${name}(${of})`),
    tie("expression").map((of) => `case when ${of} then 1 else 2 end`),
    tie("expression").map((of) => `(not (${of}))`),
    fc
      .tuple(fc.constantFrom("", "exists ", "array", "1 in ", "1 = any "), tie("query"))
      .map(([how, of]) => `${how}(${of})`),
  ),
  from: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    relation,
    relation.map((name) => `${name} o`),
    tie("query").map((of) => `(${of}) s`),
    fc
      .tuple(tie("from"), fc.constantFrom("join", "left join", "full join"), tie("from"), tie("expression"))
      .map(([a, how, b, on]) => `${a} ${how} ${b} on ${on}`),
    fc.constant("generate_series(1, 3) g"),
  ),
  query: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .tuple(
        tie("expression"),
        tie("from"),
        tie("expression"),
        fc.constantFrom("", " limit 3", " for update", " order by 1", " group by 1"),
      )
      .map(([what, from, where, end]) => `select ${what} from ${from} where ${where}${end}`),
    fc
      .tuple(tie("query"), fc.constantFrom("union all", "except"), tie("query"))
      .map(([a, how, b]) => `(${a}) ${how} (${b})`),
    fc
      .tuple(fc.constantFrom("", "recursive "), tie("query"), tie("query"))
      .map(([how, a, b]) => `with ${how}s as (${a}) ${b}`),
    fc.tuple(tie("from"), tie("expression")).map(([from, what]) => `select ${what} from ${from}`),
  ),
}));

/** Ways to wrap a query that keep everything it does, and at most add to it. */
const WRAPPINGS: Readonly<Record<string, (inner: string) => string>> = {
  parentheses: (inner) => `((${inner}))`,
  "a subquery": (inner) => `select * from (${inner}) as wrapped`,
  "a WITH query": (inner) => `with wrapped as (${inner}) select * from wrapped`,
  "a WITH query that nothing uses": (inner) => `with wrapped as (${inner}) select 1`,
  EXISTS: (inner) => `select exists (${inner})`,
  "a scalar subquery": (inner) => `select (${inner})`,
  "a condition": (inner) => `select 1 where exists (${inner})`,
  "an arm of a union": (inner) => `select 1 union all (${inner})`,
  LATERAL: (inner) => `select * from generate_series(1, 2) as g, lateral (${inner}) as wrapped`,
  LIMIT: (inner) => `select 1 limit (select count(*) from (${inner}) as wrapped)`,
  EXPLAIN: (inner) => `explain ${inner}`,
  COPY: (inner) => `copy (${inner}) to stdout`,
  CURSOR: (inner) => `declare wrapped cursor for ${inner}`,
  PREPARE: (inner) => `prepare wrapped as ${inner}`,
  "CREATE TABLE AS": (inner) => `create table wrapped as ${inner}`,
  INSERT: (inner) => `insert into staging ${inner}`,
  RETURNING: (inner) => `delete from staging where id = 1 returning (${inner})`,
  "a view": (inner) => `create view wrapped as ${inner}`,
};
/** The rows of these do not come out, so what was unfiltered inside may not be any more. */
const withoutMarks = (items: readonly string[]): string[] => items.map((item) => item.replace(/!$/, ""));

describe("analysis", () => {
  it("is total: whatever parses gets facts, and whatever does not a doubt", async () => {
    const fragments = fc.constantFrom(
      "select",
      "from",
      "where",
      "insert into",
      "update",
      "set",
      "delete",
      "merge",
      "using",
      "when matched then",
      "values",
      "with",
      "recursive",
      "as",
      "(",
      ")",
      "[",
      "]",
      ",",
      ";",
      ".",
      "*",
      "=",
      "'",
      "''",
      '"',
      "$1",
      "$$",
      "orders",
      "secrets",
      "leak",
      "1",
      "::",
      "not",
      "and",
      "or",
      "null",
      "copy",
      "to",
      "stdout",
      "create",
      "table",
      "view",
      "alter",
      "drop",
      "begin",
      "commit",
      "execute",
      "prepare",
      "p",
      "fetch",
      "c",
      "declare",
      "cursor for",
      "explain",
      "analyze",
      "grant",
      "on",
      "json_table",
      "--",
      "/*",
      "*/",
      "\n",
      "E'\\",
      "U&'",
      "é",
      "🦊",
      "limit",
      "lock",
      "truncate",
      "call",
      "do",
      "reset",
      "all",
      "role",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fragments, { maxLength: 14 }), async (words) => {
        const request = await judge(words.join(" "));
        for (const facts of request.statements) {
          assert.ok(facts.class !== "unknown" || facts.doubts.length > 0 || facts.calls.length > 0);
        }
      }),
      parameters(1_500),
    );
  });

  it("survives any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 60 }), async (bytes) => {
        assert.equal((await analyst.analyse(bytes, context)).protocol, "postgres");
      }),
      parameters(500),
    );
  });

  it("gives every case, cut at any byte, facts or a doubt", async () => {
    const cases = Object.values(CASES).flat();
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...cases), fc.nat(), async ({ sql }, pick) => {
        const bytes = Buffer.from(sql);
        const cut = bytes.subarray(0, pick % (bytes.length + 1));
        for (const facts of (await analyst.analyse(cut, context)).statements) {
          assert.ok(
            facts.startByte + facts.lengthBytes <= cut.length,
            `${facts.startByte} + ${facts.lengthBytes}`,
          );
        }
      }),
      parameters(1_000),
    );
  });

  it("loses nothing when a query is wrapped", async () => {
    const wrapping = fc.constantFrom(...Object.entries(WRAPPINGS));
    let judged = 0;
    await fc.assert(
      fc.asyncProperty(
        query,
        fc.array(wrapping, { minLength: 1, maxLength: 3 }),
        async (inner, wrappings) => {
          const before = (await judge(inner)).statements[0];
          if (before === undefined || before.doubts.some(({ code }) => code === "SYNTAX_ERROR")) return;
          const sql = wrappings.reduce((text, [, wrap]) => wrap(text), inner);
          const after_ = (await judge(sql)).statements[0];
          if (after_ === undefined || after_.doubts.some(({ code }) => code === "SYNTAX_ERROR")) return;
          judged++;
          const found = new Set(withoutMarks(statementItems(after_)));
          for (const item of withoutMarks(statementItems(before)))
            assert.ok(found.has(item), `${item} of ${inner}\nis lost in ${sql}`);
        },
      ),
      parameters(1_500),
    );
    assert.ok(judged > 300, `only ${judged} runs compared anything`);
  });

  it("finds a relation at any place of any query", async () => {
    let planted = 0;
    await fc.assert(
      fc.asyncProperty(query, fc.nat(), async (text, pick) => {
        const places = [...text.matchAll(/\b1\b/g)];
        const place = places[pick % Math.max(places.length, 1)];
        if (place?.index === undefined) return;
        const sql = `${text.slice(0, place.index)}(select id from app.settings where key = 'k')${text.slice(place.index + 1)}`;
        const facts = (await judge(sql)).statements[0];
        if (facts === undefined || facts.doubts.some(({ code }) => code === "SYNTAX_ERROR")) return;
        assert.ok(statementItems(facts).includes("read app.settings"), sql);
        planted++;
      }),
      parameters(1_000),
    );
    assert.ok(planted > 200, `only ${planted} runs planted anything`);
  });

  it("says the same of the same text, whatever was judged before", async () => {
    await fc.assert(
      fc.asyncProperty(query, query, async (one, other) => {
        await judge(other);
        const warm = await judge(one);
        assert.deepEqual(warm, await forgetful.analyse(one, context));
      }),
      parameters(300),
    );
  });
});
