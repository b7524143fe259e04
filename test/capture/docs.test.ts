/** The page says what is so. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { textOf } from "#test/architecture/sources.ts";
import { RULES_FILE } from "./support/gw-init.ts";

const page = textOf("docs/capture.md");

test("the page shows the rules as they are", () => {
  const rules = readFileSync(RULES_FILE, "utf8");
  const table = rules.slice(rules.indexOf("table inet sallyport {"));
  assert.ok(page.includes(`\`\`\`nft\n${table}\`\`\``));
});

test("the page knows every cause of failure and its exit code, and no other", () => {
  const source = readFileSync(join(dirname(RULES_FILE), "outcome.go"), "utf8");
  const causes = [...source.matchAll(/= cause\{"([A-Z_]+)", (\d+),/g)].map(
    ([, name, code]) => `| \`${name}\` | ${code} |`,
  );
  assert.ok(causes.length >= 10);
  const rows = [...page.matchAll(/^\| `[A-Z_]+` \| \d+ \|/gm)].map(([row]) => row);
  assert.deepEqual(rows.toSorted(), causes.toSorted());
});
