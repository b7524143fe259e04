/**
 * A text that is known by its shape has the facts that it would have by itself. The attack is always the same: make the
 * gateway learn a harmless text, then send one that it takes for the same shape and that does something else.
 */
import assert from "node:assert/strict";
import { after, describe, it, test } from "node:test";
import fc from "fast-check";
import { describeRequest } from "#core/audit/describe.ts";
import { analyse, refused } from "#core/statements/postgres/analyse.ts";
import { constantOf, wasRead } from "#core/statements/postgres/constants.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { prescan } from "#core/statements/postgres/prescan.ts";
import { withoutPlaces } from "#core/statements/postgres/shape-literals.ts";
import { type Shape, shapeOf as shapeOfBytes } from "#core/statements/postgres/known-shape.ts";
import { ShapeReader } from "#core/statements/postgres/shape.ts";
import type { ParseTree } from "#core/statements/postgres/tree.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { openParser } from "#sidecar/statements/parser.ts";
import { shapeCache } from "#sidecar/statements/shapes.ts";
import { traitsOf } from "#sidecar/protocols/postgres/traits.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CASES } from "./cases/all.ts";
import { session } from "./support.ts";

/** Has learnt everything that any test here has asked. */
const learnt = openAnalyst();
const parser = openParser();
after(async () => {
  for (const each of [learnt, parser]) await each[Symbol.asyncDispose]();
});
const context = session();
const reader = new ShapeReader(0);

const shapeOf = (text: string): Shape | undefined => shapeOfBytes(Buffer.from(text), reader);

/** Where things stand in the text is not told of a shape. */
const places = (request: PostgresRequest): PostgresRequest => withoutPlaces(request);

/** By nothing but the parser and analysis. */
async function byItself(text: string): Promise<PostgresRequest> {
  const bytes = Buffer.from(text);
  const scan = prescan(bytes);
  if (scan.verdict === "refuse") return refused(scan.code, scan.text, bytes.length);
  const outcome = await parser.parse(bytes, false);
  if ("tree" in outcome) return analyse(outcome.tree, text, context);
  return refused(outcome.code, outcome.text, bytes.length);
}

async function assertSame(text: string): Promise<void> {
  const byShape = await learnt.analyse(text, context);
  const expected = await byItself(text);
  assert.deepEqual(places(byShape), places(expected), text);
  const bytes = Buffer.from(text);
  assert.deepEqual(traitsOf(byShape, bytes), traitsOf(expected, bytes), text);
  assert.deepEqual(describeRequest(byShape), describeRequest(expected), text);
}

const STATEMENTS = [
  "select id, owner from orders where id = 1",
  "select * from orders where customer = 'a' and total > 10.5 limit 5",
  "select * from orders where 1 = 1",
  "select * from orders where 1 = 2 or id = 7",
  "select * from orders where name like 'a' or name like 'b'",
  "select * from orders where (1, 2) = (1, 2) and 'a' < 'b'",
  "select * from orders where id in (1, 2, 3) order by 1 desc limit 10 offset 20",
  "select * from orders where 'f'::bool or id = 4 fetch first 3 rows only",
  "select coalesce(1, 2), case when 1 > 2 then 'x' else 'y' end, - 5, x - 5, x -5, -5.5, @-5 from orders where id = -1",
  "select id::float(24), id::numeric(10, 2), '1'::varchar(3), interval '1' second(3), time(3) '1:00' from orders where id = 1",
  "select interval '1 day', date '2020-01-01', extract('year' from made), trim('x' from name) from orders where id = 5",
  "select name like 'a' escape '!', name similar to 'b' escape '#', a[1], b[2:3], $1 from orders where id = $2 and x = 3",
  "select * from orders tablesample system (10) repeatable (5) where id = 1",
  "select count(*), sum(total) over (order by id rows 5 preceding) from orders where id > 3 group by 1 having count(*) > 4",
  "insert into orders (id, name) values (1, 'a'), (2, 'b') on conflict (id) do update set name = 'c' where orders.id = 3",
  "update orders set name = 'x', total = total + 1 where id = 4 and 1 = 1 returning id, 'k'",
  "delete from orders where id = 3 or 2 = 2",
  "with recent as (select * from orders where made > '2020-01-01' limit 5) select * from recent where id = 1",
  "select set_config('work_mem', '4MB', true)",
  "select current_setting('work_mem'), nextval('ids'), lower('A'), pg_sleep(1) from orders where id = 1",
  "select * from dblink('x', 'select 1') as t (a int) where a = 1",
  "select json_value(doc, '$.a' returning int) from orders where id = 1",
  "select x'1F', b'101', n'a', e'a', u&'a', $$a$$, 0x1F, 1_000, 1e3, .5, 5. from orders where id = 1",
];
const CORPUS = [...STATEMENTS, ...Object.values(CASES).flatMap((cases) => cases.map(({ sql }) => sql))];
const SHAPED = CORPUS.flatMap((text) => {
  const shape = shapeOf(text);
  return shape === undefined ? [] : [{ text, shape }];
});

/** What an attacker would try in the place of a literal, whole. */
const VALUES = [
  "0",
  "1",
  "2",
  "5",
  "10000",
  "10001",
  "2147483647",
  "2147483648",
  "99999999999999999999",
  "007",
  "1.0",
  "0.5",

  "-1",
  "- 1",
  "+1",
  "--1",
  "1e3",
  "0x10",
  "1_0",
  "1a",
  ".5",
  "5.",
  "1..2",
  "$1",
  "null",
  "true",
  "id",

  "''",
  "'a'",
  "'%'",
  "'%%'",
  "'f'",
  "'true'",
  "'1'",
  "'2'",
  "'search_path'",
  "'role'",
  "'work_mem'",
  "'a''b'",

  "'a'\n'b'",
  "'a' 'b'",
  "e'\\''",
  "E'a'",
  "U&'a'",
  "u&'\\0061'",
  "b'1'",
  "x'1'",
  "n'a'",
  "$$a$$",
  "$q$'$q$",

  "'--'",
  "'/*'",
  "'; drop table orders'",
  "'\\'",
  "'é'",
  "'\u0001'",
  "'a",
  "1 or 1 = 1",
  "1; delete from orders",

  "1 /* x */",
  "1 -- x\n",
  "interval '1'",
  "date '2020-01-01'",
  "(1, 2)",
  "1, 2",
  "'x'::regclass",
  '"x"',
  "b",
  "e",
];
const replacement = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...VALUES) },
  fc.nat().map(String),
  fc.string({ maxLength: 6 }).map((value) => `'${value.replaceAll("'", "''")}'`),
);

function replaced(text: string, { literals }: Shape, values: readonly (string | undefined)[]): string {
  let out = text;
  for (const [number, { start, end }] of [...literals.entries()].toReversed())
    out = out.slice(0, start) + (values[number] ?? out.slice(start, end)) + out.slice(end);
  return out;
}

test("whatever stands in the place of literals, the facts are those of the text itself", async (t) => {
  await learnt.analyse("select 1", context);
  for (const { text } of SHAPED) await learnt.analyse(text, context);
  let alike = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...SHAPED),
      fc.array(fc.option(replacement, { nil: undefined }), { maxLength: 6 }),
      async ({ text, shape }, values) => {
        const other = replaced(text, shape, values);
        if (shapeOf(other)?.key === shape.key && other !== text) alike += 1;
        await assertSame(other);
      },
    ),
    { numRuns: fuzzRuns(600), ...fuzzSeed() },
  );
  t.diagnostic(`figure statements.alike=${alike}`);
  assert.ok(alike > 0, "some were of a shape that was known");
});

/** What is looked up is a hash, and hashes can be alike: the bytes decide. */
test("a text is taken for one of a known shape where the two have the same key, and nowhere else", () => {
  const isOf = (shape: Shape, text: string): boolean => {
    const bytes = Buffer.from(text);
    return reader.read(bytes) && shape.isOf(bytes, reader);
  };
  const hashes = new Map(SHAPED.map(({ shape }) => [shape.key, shape.hash]));
  assert.equal(new Set(hashes.values()).size, hashes.size, "each has a hash of its own");
  for (const { shape } of SHAPED)
    for (const { text, shape: other } of SHAPED)
      assert.equal(isOf(shape, text), shape.key === other.key, text);
  fc.assert(
    fc.property(
      fc.constantFrom(...SHAPED),
      fc.array(fc.option(replacement, { nil: undefined }), { maxLength: 6 }),
      ({ text, shape }, values) => {
        const other = replaced(text, shape, values);
        const found = shapeOf(other);
        assert.equal(isOf(shape, other), found?.key === shape.key, other);
        if (found?.key === shape.key) assert.equal(found.hash, shape.hash, other);
      },
    ),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
});

/** A shape is forgotten when there are too many, and learnt anew from another text: what was found before still says what it said. */
test("what counted in a text is not taken for what counts in another place", () => {
  const cache = shapeCache(1_000_000);
  const learn = (text: string, read: number): PostgresRequest => {
    const literals = ["1", "2"].map((sval) => ({ sval: { sval } }));
    const places = [...text.matchAll(/\d+/g)].map(({ index }) => index);
    const nodes = literals.map((literal, number) => ({
      A_Const: { ...literal, location: places[number] ?? -1 },
    }));
    constantOf(nodes[read]);
    const request: PostgresRequest = { protocol: "postgres", statements: [READ] };
    const tree = { stmts: [{ stmt: { SelectStmt: { targetList: nodes } } }] } as unknown as ParseTree;
    return cache.set(Buffer.from(text), context, { tree, request }) ?? assert.fail(`${text} is not shared`);
  };
  const first = learn("select 1, 2", 0);
  assert.equal(cache.get(Buffer.from("select 1, 9"), context), first);
  for (let other = 0; other < 1_100; other += 1) learn(`select 1, 2 as other${other}`, 0);
  const second = learn("select 9, 2", 1);
  assert.equal(cache.get(Buffer.from("select 7, 2"), context), second);
  // By the values alone it would be the first one's.
  assert.equal(cache.get(Buffer.from("select 9, 1"), context), undefined);
});

const READ: PostgresRequest["statements"][number] = {
  class: "read",
  accesses: [],
  calls: [],
  doubts: [],
  columns: [],
  literalOffsetsBytes: [],
  startByte: 0,
  lengthBytes: 0,
};

describe("texts of one shape", () => {
  const together: readonly (readonly [string, string])[] = [
    ["select id from orders where id = 1", "select id from orders where id = 4711"],
    ["select id from orders where id = -1", "select id from orders where id = -2"],
    ["select id from orders where name = 'a'", "select id from orders where name = 'O''Hara; --'"],
    ["update orders set total = 1.5 where id = 1", "update orders set total = 2.25 where id = 2"],
    ["select id from orders where id = 1 limit 5", "select id from orders where id = 2 limit 5"],
  ];
  for (const [one, other] of together)
    it(`have one request: ${one}`, async () => {
      assert.equal(await learnt.analyse(other, context), await learnt.analyse(one, context));
    });

  const apart: readonly (readonly [string, string])[] = [
    ["select * from orders limit 5", "select * from orders limit 100000"],
    ["select * from orders where 1 = 2", "select * from orders where 1 = 1"],
    ["select * from orders where name like 'a'", "select * from orders where name like '%'"],
    ["select * from orders where 'f'::bool", "select * from orders where 't'::bool"],
    ["select set_config('work_mem', '1MB', true)", "select set_config('role', 'admin', true)"],
    ["select current_setting('work_mem')", "select current_setting('app.secret')"],
    ["select id from orders where id in (1, 2)", "select id from orders where id in (1, 2, 3)"],
    ["select 1::float(24) from orders where id = 1", "select 1::float(53) from orders where id = 1"],
    // The length of a plain `char` is a constant that stands nowhere in the text.
    ["select 1::float(24), $1::char from orders", "select 1::float(53), $1::char from orders"],
    ["select id from orders where id = 1", "select id from orders where id = 1.5"],
    ["select id from orders where id = 1", "select id from orders where id = '1'"],
    ["select id from orders where id = 2147483647", "select id from orders where id = 2147483648"],
    ["select id from orders where id = 'a'", "select id from orders where id = e'a'"],
    ["select id from orders where id = 'a'", "select id from orders where id = 'set_config'"],
    ["select id from orders o where id = 5", "select id from orders o5 where id = 5"],
    ["select nextval('a')", "select nextval('b')"],
  ];
  for (const [one, other] of apart)
    it(`are not: ${one} and ${other}`, async () => {
      const first = await learnt.analyse(one, context);
      assert.notEqual(await learnt.analyse(other, context), first);
      await assertSame(other);
      await assertSame(one);
    });
});

test("what is not certain has no shape", () => {
  const tails = [
    "e'a'",
    "E'a'",
    "b'1'",
    "x'1'",
    "n'a'",
    "u&'a'",
    "$$a$$",
    "$q$a$q$",
    "1a",
    "0x1",
    "1_0",
    "1e5",
    ".5",
    "5.",
  ];
  const others = [
    "1 --",
    "1 /* */",
    "'a'\n'b'",
    "'a' 'b'",
    "'é'",
    "'\\'",
    "'a",
    '"a',
    "'\0'",
    "'\u0001'",
    'u&"a"',
    "$a",
    "$1a",
  ];
  for (const tail of [...tails, ...others]) assert.equal(shapeOf(`select 1, ${tail}`), undefined, tail);
  for (const tail of ["1", "1.5", "'a'", "'a''b'", '"a""b"', "$1", "a - b", "a / b", "a.b", "a & b", "''"])
    assert.notEqual(shapeOf(`select 1, ${tail}`), undefined, tail);
});

/** The rule behind it all: the values of literals reach the facts through one function, which notes what it was asked for. */
test("facts do not depend on the value of a literal that nobody has read", async () => {
  await parser.parse(Buffer.from("select 1"), false);
  let changed = 0;
  for (const text of CORPUS) {
    const outcome = await parser.parse(Buffer.from(text), false);
    if (!("tree" in outcome)) continue;
    const before = analyse(outcome.tree, text, context);
    changed += changeUnread(outcome.tree);
    assert.deepEqual(analyse(outcome.tree, text, context), before, text);
  }
  assert.ok(changed > 100, `${changed} literals`);
});

function changeUnread(tree: ParseTree): number {
  let changed = 0;
  const walk = (value: object): void => {
    for (const [field, child] of Object.entries(value) as [string, unknown][]) {
      if (typeof child !== "object" || child === null) continue;
      if (field !== "A_Const") walk(child);
      else if (!wasRead(child)) changed += change(child as Record<string, unknown>);
    }
  };
  walk(tree);
  return changed;
}

function change(literal: Record<string, unknown>): number {
  const { ival, fval, sval } = literal;
  if (ival !== undefined) literal["ival"] = { ival: 1_234_567 };
  else if (fval !== undefined) literal["fval"] = { fval: "1234567.25" };
  else if (sval !== undefined) literal["sval"] = { sval: "search_path" };
  else return 0;
  return 1;
}
