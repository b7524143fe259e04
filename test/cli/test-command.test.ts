import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { CONNECTION, directoryWith, POLICY, testWith } from "./directory.ts";
import { type Ran, sallyport } from "./harness.ts";

function run(context: TestContext, tests: string, ...words: string[]): Promise<Ran> {
  const files = { "connection.yaml": CONNECTION, "policy.yaml": POLICY, "tests.yaml": tests };
  return sallyport(["test", directoryWith(context, files), ...words]);
}

const PASSING =
  "{ outcome: allow, code: ALLOWED, by: reporting/read-orders, mask: [public.orders.email], limits: { rows: 100 } }";

describe("test", () => {
  test("passes when every field that is given is as expected", async (context) => {
    const { code, out } = await run(context, testWith(PASSING));
    assert.equal(code, 0);
    assert.match(out, /^orders {2}1 case, ok {2}\S+tests\.yaml\n/);
    assert.match(out, /\n1 passed, 0 failed\n$/);
  });

  const wrongs: readonly [expect: string, line: RegExp][] = [
    ["{ outcome: deny }", /outcome {2}expected deny, got allow/],
    ["{ outcome: allow, code: OBSERVED }", /code {2}expected OBSERVED, got ALLOWED/],
    [
      "{ outcome: allow, by: reporting/no-dumps }",
      /by {2}expected reporting\/no-dumps, got reporting\/read-orders/,
    ],
    ["{ outcome: allow, mask: [] }", /mask {2}expected none, got public\.orders\.email/],
    [
      "{ outcome: allow, mask: [public.orders.email, public.orders.phone] }",
      /mask {2}expected public\.orders\.email, public\.orders\.phone, got public\.orders\.email\n/,
    ],
    ["{ outcome: allow, limits: { rows: 99 } }", /limits {2}expected rows 99, got rows 100/],
    [
      "{ outcome: allow, limits: { rows: 100, bytes: 5 } }",
      /limits {2}expected bytes 5, rows 100, got rows 100/,
    ],
  ];
  for (const [expect, line] of wrongs) {
    test(`${expect} fails, and the difference is shown`, async (context) => {
      const { code, out } = await run(context, testWith(expect));
      assert.equal(code, 1);
      assert.match(out, /✗ one question {2}\S+tests\.yaml:6\n/);
      assert.match(out, line);
      assert.match(out, /\n0 passed, 1 failed\n$/);
    });
  }

  test("a refusal without a rule is told apart from one by a rule", async (context) => {
    const { out } = await run(
      context,
      testWith("{ outcome: deny, by: reporting/no-dumps }", "delete from orders"),
    );
    assert.match(out, /by {2}expected reporting\/no-dumps, got no rule\n/);
    assert.match(out, /the decision says: no rule allows this: delete on public\.orders without a filter\n/);
  });

  test("rules that nothing exercised are listed, and fail only when coverage is required", async (context) => {
    const lenient = await run(context, testWith(PASSING));
    assert.equal(lenient.code, 0);
    assert.match(
      lenient.out,
      /\nRules exercised {2}1 of 2\n {2}never {2}deny {3}reporting\/no-dumps {2}\S+policy\.yaml:11\n/,
    );
    assert.equal((await run(context, testWith(PASSING), "--require-coverage")).code, 1);
    const both = testWith(
      PASSING,
      undefined,
      `    - name: no dumps
      subject: { serviceAccount: { namespace: shop, name: reporter } }
      connection: { namespace: shop, name: orders-db }
      postgres: { statement: select * from orders }
      expect: { outcome: deny, by: reporting/no-dumps }
`,
    );
    assert.equal((await run(context, both, "--require-coverage")).code, 0);
  });

  test("covering part of what is refused exercises no allow rule", async (context) => {
    const refused = testWith("{ outcome: deny }", "select total from orders where id = 1; drop table orders");
    const { out } = await run(context, refused);
    assert.match(out, /\nRules exercised {2}0 of 2\n/);
  });

  test("--verbose names what passed", async (context) => {
    assert.match((await run(context, testWith(PASSING), "--verbose")).out, /\n {2}✓ one question\n/);
  });

  test("JUnit carries names, places and differences, escaped", async (context) => {
    const tests = testWith("{ outcome: deny, by: a/b }").replace("one question", 'is "a" < b & c?');
    const { code, out } = await run(context, tests, "--output", "junit");
    assert.equal(code, 1);
    assert.match(
      out,
      /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<testsuites name="sallyport" tests="1" failures="1" errors="0">\n/,
    );
    assert.match(
      out,
      /<testcase classname="orders" name="is &quot;a&quot; &lt; b &amp; c\?" file="\S+tests\.yaml" line="6">\n/,
    );
    assert.match(
      out,
      /<failure message="outcome: expected deny, got allow" type="expectation">outcome: expected deny, got allow&#10;by: expected a\/b, got reporting\/read-orders<\/failure>/,
    );
    assert.match(out, /<\/testsuites>\n$/);
  });

  test("JSON has the shape that the documentation promises", async (context) => {
    const { out } = await run(context, testWith("{ outcome: deny }"), "--output", "json");
    const report = JSON.parse(out);
    assert.deepEqual(Object.keys(report), ["version", "suites", "passed", "failed", "coverage"]);
    const [{ cases, ...suite }] = report.suites;
    assert.equal(suite.name, "orders");
    const [{ by, file, ...result }] = cases;
    assert.deepEqual(result, {
      name: "one question",
      line: 6,
      statement: "select total from orders where id = 1",
      passed: false,
      mismatches: [{ field: "outcome", expected: "deny", actual: "allow" }],
      outcome: "allow",
      code: "ALLOWED",
      publicText: "allowed by policy",
    });
    assert.match(file, /tests\.yaml$/);
    assert.equal(by.rule, "read-orders");
    assert.deepEqual(
      report.coverage.untested.map(({ rule, effect, line }: Record<string, unknown>) => [rule, effect, line]),
      [["reporting/no-dumps", "deny", 11]],
    );
  });

  test("files with errors, and directories without a test, are not a pass", async (context) => {
    const broken = await run(context, testWith("{ outcome: maybe }"));
    assert.equal(broken.code, 2);
    assert.equal(broken.out, "");
    assert.match(broken.err, /sallyport: 1 error in \S+; mend them first\n$/);
    const none = directoryWith(context, { "connection.yaml": CONNECTION });
    const { code, err } = await sallyport(["test", none]);
    assert.equal(code, 2);
    assert.match(err, /there is no PolicyTest below/);
  });
});
