import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { LINTS } from "#core/policy/lint/index.ts";
import { CONNECTION, directoryWith, POLICY } from "./directory.ts";
import { sallyport } from "./harness.ts";

describe("lint", () => {
  test("says what it read when nothing is wrong", async (context) => {
    const directory = directoryWith(context, { "connection.yaml": CONNECTION, "policy.yaml": POLICY });
    assert.deepEqual(await sallyport(["lint", directory, "--strict"]), {
      code: 0,
      out: "2 files, 1 connection, 1 policy: no errors, no warnings\n",
      err: "",
    });
  });

  test("shows an error where it stands, like a compiler", async (context) => {
    const directory = directoryWith(context, {
      "connection.yaml": CONNECTION,
      "policy.yaml": POLICY.replace("tables: [public.orders]", "tabels: [public.orders]"),
    });
    const { code, out } = await sallyport(["lint", directory]);
    assert.equal(code, 1);
    const file = join(directory, "policy.yaml");
    assert.ok(out.startsWith(`${file}:9:39  error  UNKNOWN_FIELD\n`), out);
    assert.match(
      out,
      /did you mean "tables"\?\n\n {2}9 \| {7}postgres: \{ statements: \[read\], tabels: \[public.orders\] \}\n {4}\| {39}\^{6}\n/,
    );
    assert.match(out, /2 files, 1 connection, 1 policy: 1 error, no warnings\n$/);
  });

  test("warnings fail only when they are asked to", async (context) => {
    const directory = directoryWith(context, {
      "all.yaml": `${CONNECTION}---\n${POLICY.replace("      reason: Narrow it with a WHERE.\n", "")}`,
    });
    const lenient = await sallyport(["lint", directory]);
    assert.equal(lenient.code, 0);
    assert.match(lenient.out, /all.yaml:\d+:7 {2}warning {2}RULE_WITHOUT_REASON\n/);
    assert.match(
      lenient.out,
      /: no errors, 1 warning\nMore on a warning: sallyport help RULE_WITHOUT_REASON\n$/,
    );
    assert.equal((await sallyport(["lint", directory, "--strict"])).code, 1);
  });

  test("JSON has the same findings in a documented shape", async (context) => {
    const directory = directoryWith(context, { "policy.yaml": POLICY });
    const { code, out } = await sallyport(["lint", join(directory, "policy.yaml"), "--output", "json"]);
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(out), {
      version: 1,
      files: 1,
      errors: 0,
      warnings: 1,
      diagnostics: [
        {
          severity: "warning",
          code: "UNKNOWN_CONNECTION",
          file: join(directory, "policy.yaml"),
          line: 6,
          column: 26,
          path: "spec.connections.names[0]",
          message: 'there is no Connection "orders-db" in namespace shop',
        },
      ],
    });
  });

  test("what has expired is judged at the time that is given", async (context) => {
    const directory = directoryWith(context, {
      "all.yaml": `${CONNECTION}---\n${POLICY.replace("spec:\n", 'spec:\n  expires: "2026-12-01T00:00:00Z"\n')}`,
    });
    const at = (time: string): Promise<{ code: number }> =>
      sallyport(["lint", directory, "--strict", "--at", time]);
    assert.equal((await at("2026-11-30T23:59:59Z")).code, 0);
    assert.equal((await at("2026-12-01T00:00:00Z")).code, 1);
    assert.equal((await at("yesterday")).code, 2);
  });

  test("a place that cannot be read is not an empty one", async (context) => {
    const directory = directoryWith(context, { "note.txt": "no kinds here" });
    const nothing = await sallyport(["lint", directory]);
    assert.equal(nothing.code, 2);
    assert.match(nothing.err, /there is no \.yaml, \.yml or \.json file below/);
    const absent = await sallyport(["lint", join(directory, "absent")]);
    assert.equal(absent.code, 2);
    assert.match(absent.err, /absent cannot be read: ENOENT/);
    assert.equal((await sallyport(["lint", join(directory, "absent.yaml")])).code, 2);
  });

  test("escapes in a file reach no terminal", async (context) => {
    const directory = directoryWith(context, {
      "all.yaml": `${CONNECTION}---\n${POLICY.replace("Narrow it with a WHERE.", '"\\e[2J"').replace("tables:", "tabels:")}# \u009b2J\n`,
    });
    const { out } = await sallyport(["lint", directory]);
    assert.ok(!out.includes("\u001b") && !out.includes("\u009b"), out);
  });
});

describe("help on a warning", () => {
  for (const [code, { title }] of Object.entries(LINTS)) {
    test(`${code} is explained with a wrong and a right example`, async () => {
      const { code: exit, out } = await sallyport(["help", code.toLowerCase()]);
      assert.equal(exit, 0);
      assert.ok(out.startsWith(`${code}: ${title}\n`));
      assert.match(out, /\nWrong\n {2}.*\n[^]*\nRight\n {2}/);
    });
  }
});
