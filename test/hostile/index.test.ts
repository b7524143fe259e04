/** docs/hostile-peers.md names the test of each attack, and every test here stands in it. */
import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "#test/architecture/sources.ts";

test("every attack of the index has its test, and the other way round", () => {
  const page = readFileSync(join(ROOT, "docs/hostile-peers.md"), "utf8");
  const named = new Set([...page.matchAll(/`(test\/[^`*]+)`/g)].map(([, path = ""]) => path));
  assert.deepEqual(
    [...named].filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
  const written = globSync("test/hostile/*/*.{test,e2e}.ts", { cwd: ROOT });
  assert.ok(written.length >= 7, "the tests were not found");
  assert.deepEqual(
    written.filter((path) => !named.has(path)),
    [],
  );
});
