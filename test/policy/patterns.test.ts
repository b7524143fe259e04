/** How names are written in rules, and what is said of those that are written wrong. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type NamePattern,
  parseCodePattern,
  parseColumnPattern,
  parseTablePattern,
} from "#core/policy/protocols/postgres/patterns.ts";
import { coversName, overlapsName } from "#core/policy/protocols/postgres/names.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const RUNS = { numRuns: fuzzRuns(200), ...fuzzSeed() };

/** What the parser makes of a text, or says of it. */
function table(text: string): string {
  let said = "";
  const pattern = parseTablePattern(text, "", (_, message) => {
    said = message;
  });
  const part = ({ schema, name }: NamePattern): string =>
    [schema, name].map((each) => (each.kind === "any" ? "<any>" : each.text)).join(" ");
  return pattern === undefined ? said : part(pattern);
}

const GOOD: Readonly<Record<string, string>> = {
  "public.orders": "public orders",
  "public.*": "public <any>",
  "*.*": "<any> <any>",
  'public."Odd.Name"': "public Odd.Name",
  '"My ""Schema"""."*x"': 'My "Schema" *x',
  "pg_temp.t$1": "pg_temp t$1",
  "public.größe": "public größe",
};
for (const [text, parts] of Object.entries(GOOD)) {
  test(`understood: ${text}`, () => assert.equal(table(text), parts));
}

const FORM = "must have the form schema.table, such as public.orders or public.*";
const WRONG: Readonly<Record<string, string>> = {
  orders: `"orders" ${FORM}`,
  "": `"" ${FORM}`,
  "db.public.orders": `"db.public.orders" ${FORM}`,
  "public.": `"public." ${FORM}`,
  'public."orders': `"public."orders" ${FORM}`,
  "public..orders": `"public..orders" ${FORM}`,
  "public.Orders":
    '"public.Orders": PostgreSQL stores an unquoted Orders as orders; write that, or put the name in double quotes if the capitals are meant',
  "public.order_*":
    '"public.order_*": order_* is not a name; put it in double quotes if it really is spelled so',
  'public.""': '"public.""": a name cannot be empty',
  'public."*"': '"public."*"": an object named "*" is never understood, so no rule can speak of it',
  [`public.${"n".repeat(64)}`]: `"public.${"n".repeat(64)}": ${"n".repeat(64)} is longer than the 63 bytes of a PostgreSQL name`,
  [`public."${"ß".repeat(32)}"`]: `"public."${"ß".repeat(32)}"": the quoted name is longer than the 63 bytes of a PostgreSQL name`,
};
for (const [text, message] of Object.entries(WRONG)) {
  test(`refused: ${text}`, () => assert.equal(table(text), message));
}

test("a name of exactly 63 bytes is taken", () => {
  assert.equal(table(`public.${"n".repeat(63)}`), `public ${"n".repeat(63)}`);
});

test("any name can be written in quotes, and then means itself alone", () => {
  const names = fc
    .string({ minLength: 1, maxLength: 15 })
    .filter((name) => name !== "*" && !name.includes("\0"));
  fc.assert(
    fc.property(names, names, names, (schema, name, other) => {
      const text = [schema, name].map((part) => `"${part.replaceAll('"', '""')}"`).join(".");
      const pattern = parseTablePattern(text, "", (_, message) => assert.fail(message));
      assert.ok(pattern);
      assert.ok(coversName([pattern], { schema, name }));
      assert.equal(coversName([pattern], { schema, name: other }), other === name);
    }),
    RUNS,
  );
});

test("no text makes a parser throw, and what is refused is said once", () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom('"', ".", "*", "a", "A", " ", "\0") }),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [parseTablePattern, parseCodePattern, parseColumnPattern]) {
        const said: string[] = [];
        const parsed = parse(text, "", (_, message) => said.push(message));
        assert.equal(said.length, parsed === undefined ? 1 : 0);
      }
    }),
    RUNS,
  );
});

test("what a set covers it also overlaps", () => {
  const parts = fc.constantFrom("a", "b", "*");
  const texts = fc.tuple(fc.constantFrom("a", "b", "*"), parts).map(([schema, name]) => `${schema}.${name}`);
  fc.assert(
    fc.property(fc.array(texts), parts, parts, (patterns, schema, name) => {
      const set = patterns.flatMap((text) => parseTablePattern(text, "", () => {}) ?? []);
      if (coversName(set, { schema, name })) assert.ok(overlapsName(set, { schema, name }));
    }),
    RUNS,
  );
});

test("code may be any operator in quotes; a bare star means all code of the schema", () => {
  const code = (text: string): unknown => parseCodePattern(text, "", () => {})?.name;
  assert.deepEqual(code('public."->"'), { kind: "exact", text: "->" });
  assert.notDeepEqual(code('public."*"'), code("public.*"));
  assert.deepEqual(code("public.*"), { kind: "any" });
});

test("a mask names one column, of one table or of many", () => {
  const column = (text: string): unknown => parseColumnPattern(text, "", () => {});
  assert.deepEqual(column("public.users.email"), { schema: "public", table: "users", column: "email" });
  assert.deepEqual(column("*.*.ssn"), { schema: "*", table: "*", column: "ssn" });
  assert.equal(column("public.users.*"), undefined);
  assert.equal(column("users.email"), undefined);
});
