/** docs/conditions.md has every condition and reason, in the words of the table that statuses are written from, and no other. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { conditionSections } from "./conditions-page.ts";

const page = readFileSync("docs/conditions.md", "utf8");

for (const section of conditionSections()) {
  const [title = ""] = section.split("\n", 1);
  test(`the page has ${title.slice(3)} as the table does`, () => {
    const start = page.indexOf(`${title}\n`);
    assert.notEqual(start, -1, `no section ${title}`);
    const end = page.indexOf("\n## ", start);
    assert.equal(page.slice(start, end === -1 ? undefined : end).trimEnd(), section);
  });
}

test("the page has no condition that the table does not know", () => {
  const titles = [...page.matchAll(/^## .*$/gm)].map(([title]) => title);
  const known = conditionSections().map((section) => section.split("\n", 1)[0]);
  assert.deepEqual(titles, known);
});
