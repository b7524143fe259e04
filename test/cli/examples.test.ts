import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ROOT, sallyport } from "./harness.ts";

const DIRECTORY = "examples/policies";
const examples = readdirSync(join(ROOT, DIRECTORY), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

test("there are five examples", () => {
  assert.equal(examples.length, 5);
});

for (const name of [...examples.map((example) => `${DIRECTORY}/${example}`), DIRECTORY]) {
  const directory = join(ROOT, name);

  describe(name, () => {
    test("passes lint without a warning", async () => {
      const { code, out } = await sallyport(["lint", directory, "--strict"]);
      assert.equal(code, 0, out);
      assert.match(out, /: no errors, no warnings\n$/);
    });

    test("passes its tests, and they exercise every rule", async () => {
      const { code, out } = await sallyport(["test", directory, "--require-coverage", "--output", "json"]);
      assert.equal(code, 0, out);
      const report = JSON.parse(out);
      assert.equal(report.failed, 0);
      assert.ok(report.passed >= 8);
      assert.ok(report.coverage.rules > 0);
      assert.deepEqual(report.coverage.untested, []);
    });
  });
}
