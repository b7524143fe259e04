import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fencesOf } from "#test/docs/fences.ts";
import { ROOT, textOf } from "#test/architecture/sources.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";

test("the example of a test on a real API server passes", { skip: skipWithoutApiTier() }, () => {
  const examples = fencesOf("CONTRIBUTING.md", textOf("CONTRIBUTING.md")).filter(({ info }) => info === "ts");
  assert.equal(examples.length, 1);
  // A test's process tells those that it starts whose reports they are.
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  for (const { text } of examples) {
    const words = ["--input-type=module-typescript", "--eval", text];
    const { status, stdout, stderr } = spawnSync(process.execPath, words, {
      cwd: ROOT,
      encoding: "utf8",
      timeout: 60_000,
      env: environment,
    });
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /^ℹ pass 1$/m);
  }
});
