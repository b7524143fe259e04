import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { CONNECTION, directoryWith, POLICY } from "./directory.ts";
import { type Circumstances, type Ran, ROOT, sallyport } from "./harness.ts";

const EXAMPLES = join(ROOT, "examples/policies");

function ask(context: TestContext, words: readonly string[], given: Circumstances = {}): Promise<Ran> {
  const config = directoryWith(context, { "connection.yaml": CONNECTION, "policy.yaml": POLICY });
  const question = [
    "--config",
    config,
    "--subject",
    "serviceaccount:shop/reporter",
    "--connection",
    "shop/orders-db",
  ];
  return sallyport(["explain", ...question, ...words], given);
}

describe("explain", () => {
  test("verdict first, then the rule and where it stands, then what the statement does", async (context) => {
    const { code, out } = await ask(context, ["--statement", "select * from orders"]);
    assert.equal(code, 1);
    assert.match(out, /^DENY {2}DENY_RULE\n {2}Narrow it with a WHERE\.\n/);
    assert.match(out, /\nDecided by\n {2}deny shop\/reporting\/no-dumps {2}\S+policy\.yaml:11\n/);
    assert.match(out, /\nWhat it does\n {2}read {2}public\.orders {2}every row\n/);
    assert.match(out, /\nAssuming a stock PostgreSQL 18 catalog and search_path public\. /);
  });

  test("what is allowed exits 0 and says what is demanded of it", async (context) => {
    const { code, out } = await ask(context, ["--statement", "select total from orders where id = 1"]);
    assert.equal(code, 0);
    assert.match(out, /^ALLOW {2}ALLOWED\n/);
    assert.match(
      out,
      /\nOn what passes\n {2}mask +public\.orders\.email +redact\n {2}limit +rows in a session +100\n/,
    );
  });

  test("a rule that came close says what it lacks", async (context) => {
    const { out } = await ask(context, ["--statement", "update orders set total = 0 where id = 1"]);
    assert.match(
      out,
      /✗ update on public\.orders {2}no rule allows it\n {6}near allow shop\/reporting\/read-orders {2}\S+:8\n {10}its statements do not list update\n/,
    );
  });

  test("a person is asked: that is not a yes", async () => {
    const { code, out } = await sallyport([
      "explain",
      "--config",
      EXAMPLES,
      "--subject",
      "sa:shop/support-assistant",
      "--connection",
      "shop/customers-db",
      "--statement",
      "update tickets set answer = ''",
    ]);
    assert.equal(code, 1);
    assert.match(out, /^ASK {2}ASK_RULE\n/);
    assert.match(out, /\nIn observe mode\n {2}ClusterSecretAccessPolicy no-dumps would /);
  });

  test("an ancestor that withholds is named", async () => {
    const { out } = await sallyport([
      "explain",
      "--config",
      EXAMPLES,
      "--subject",
      "sa:research/summariser",
      "--ancestor",
      "agent:sa:research/planner",
      "--ancestor",
      "person:user:alice,group=research",
      "--connection",
      "research/library-db",
      "--statement",
      "select text from library.reviews where paper = 7",
    ]);
    assert.match(out, /^DENY {2}DENY_NOT_DELEGATED\n/);
    assert.match(
      out,
      /\n {2}child of {4}agent:serviceaccount:research\/planner\n {14}person:user:alice,group=research\n/,
    );
    assert.match(out, /\nWhat service account research\/planner may hand on\n {2}✗ read on library\.reviews/);
  });

  test("doubts are told in words, and no literal of the statement is", async (context) => {
    const { out } = await ask(context, [
      "--statement",
      "alter role app password 'hunter2'; do $$ hunter2 $$",
    ]);
    assert.match(out, /PASSWORD_CHANGE/);
    assert.match(out, /DYNAMIC_CODE/);
    assert.doesNotMatch(out, /hunter2/);
    const { out: json } = await ask(context, [
      "--statement",
      "alter role app password 'hunter2'; select 'hunter2' from",
      "--output",
      "json",
    ]);
    assert.doesNotMatch(json, /hunter2/);
  });

  test("without a statement the question is whether a session may open", async (context) => {
    assert.equal((await ask(context, [])).code, 0);
    const stranger = await ask(context, ["--ancestor", "agent:sa:shop/stranger"]);
    assert.equal(stranger.code, 1);
    assert.match(stranger.out, /DENY_NOT_DELEGATED/);
  });

  test("the statement may come from standard input, up to a bound", async (context) => {
    const typed = await ask(context, ["--statement", "-"], {
      input: "select total from orders where id = 1",
    });
    assert.equal(typed.code, 0);
    const flood = await ask(context, ["--statement", "-"], { input: " ".repeat(1024 * 1024 + 1) });
    assert.equal(flood.code, 2);
    assert.match(flood.err, /standard input is longer than 1048576 bytes/);
  });

  test("the search path decides which table a bare name is", async (context) => {
    const statement = ["--statement", "select total from orders where id = 1"];
    assert.equal((await ask(context, [...statement, "--search-path", "public"])).code, 0);
    const { code, out } = await ask(context, [...statement, "--search-path", "audit, public"]);
    assert.equal(code, 1);
    assert.match(out, /read on audit\.orders/);
  });

  test("a connection that does not exist is met with the nearest one", async (context) => {
    const config = directoryWith(context, { "connection.yaml": CONNECTION });
    const { code, out } = await sallyport([
      "explain",
      "--config",
      config,
      "--subject",
      "sa:shop/reporter",
      "--connection",
      "shop/order-db",
    ]);
    assert.equal(code, 1);
    assert.match(out, /^DENY {2}DENY_UNKNOWN_CONNECTION\n/);
    assert.match(out, /shop\/order-db; did you mean shop\/orders-db\?/);
  });

  test("a broken policy closes its connection, and the note says where to look", async (context) => {
    const config = directoryWith(context, {
      "connection.yaml": CONNECTION,
      "policy.yaml": POLICY.replace("deny:", "denny:"),
    });
    const { code, out, err } = await sallyport([
      "explain",
      "--config",
      config,
      "--subject",
      "sa:shop/reporter",
      "--connection",
      "shop/orders-db",
      "--statement",
      "select total from orders where id = 1",
    ]);
    assert.equal(code, 1);
    assert.match(out, /^DENY {2}DENY_POLICY_INVALID\n/);
    assert.match(out, /\nClosed by\n {2}SecretAccessPolicy shop\/reporting, /);
    assert.equal(err, `note: 1 error in these files; see sallyport lint ${config}\n\n`);
  });

  for (const [words, message] of [
    [["--at", "noon"], /--at "noon" is not a time/],
    [["--ancestor", "boss"], /"boss" is not an ancestor/],
    [["--server-version", "9"], /--server-version must be 15, 16, 17 or 18, not "9"/],
    [["--subject", "x"], /--subject is given twice/],
  ] as const) {
    test(`${words.join(" ")} is refused in words`, async (context) => {
      const { code, err } = await ask(context, words);
      assert.equal(code, 2);
      assert.match(err, message);
    });
  }
});

describe("explain --output json", () => {
  test("has the shape that the documentation promises", async (context) => {
    const { code, out } = await ask(context, [
      "--statement",
      "select * from orders",
      "--output",
      "json",
      "--at",
      "2026-11-26T00:00:00Z",
    ]);
    assert.equal(code, 1);
    const answer = JSON.parse(out);
    assert.deepEqual(Object.keys(answer), [
      "version",
      "question",
      "decision",
      "statements",
      "links",
      "closedBy",
      "notSelecting",
      "notSelectingOmitted",
      "assumed",
    ]);
    assert.equal(answer.version, 1);
    assert.deepEqual(answer.question, {
      subject: "serviceaccount:shop/reporter",
      ancestors: [],
      connection: { namespace: "shop", name: "orders-db" },
      at: "2026-11-26T00:00:00.000Z",
      searchPath: ["public"],
    });
    const { by, ...decision } = answer.decision;
    assert.deepEqual(decision, {
      outcome: "deny",
      code: "DENY_RULE",
      publicText: "Narrow it with a WHERE.",
      obligations: {
        mask: [{ schema: "public", table: "orders", column: "email", action: "redact" }],
        limits: { rows: 100 },
        whenParentEnds: "finish",
      },
      observations: [],
      validUntil: null,
    });
    assert.match(by.hash, /^sha256:/);
    assert.match(by.file, /policy\.yaml$/);
    assert.deepEqual([by.policy, by.rule, by.line], ["reporting", "no-dumps", 11]);
    assert.deepEqual(answer.statements, [
      {
        class: "read",
        accesses: [{ verb: "read", relation: { schema: "public", name: "orders" }, unfiltered: true }],
        calls: [],
        doubts: [],
      },
    ]);
    assert.deepEqual(answer.assumed, { catalog: "stock", serverVersion: 18 });
  });
});
