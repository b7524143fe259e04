/** `make conformance` can turn red, in both directions, and its page says what the list says. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { judge, readDifferences } from "#tools/conformance/differences.ts";
import { differing } from "#tools/conformance/outcomes.ts";

const LISTED = [{ suite: "suite", test: "named", because: "a rule" }];

test("what differs and is not listed is red, and so is what is listed and differs no more", () => {
  assert.deepEqual(judge("suite", ["named"], LISTED), { unlisted: [], over: [] });
  assert.deepEqual(judge("suite", ["named", "other"], LISTED), { unlisted: ["other"], over: [] });
  assert.deepEqual(judge("suite", [], LISTED), { unlisted: [], over: ["named"] });
  assert.deepEqual(judge("another", ["named"], LISTED), { unlisted: ["named"], over: [] });
});

test("a test that went otherwise, or that only one of the runs has, differs", () => {
  const direct = new Map([
    ["a", "1"],
    ["b", "2"],
    ["c", "3"],
  ]);
  assert.deepEqual(differing(direct, new Map(direct)), []);
  assert.deepEqual(
    differing(
      direct,
      new Map([
        ["a", "1"],
        ["b", "0"],
        ["d", "4"],
      ]),
    ),
    ["b", "c", "d"],
  );
});

test("every difference on the list has its reason on the page", async () => {
  const page = readFileSync(new URL("../../docs/conformance.md", import.meta.url), "utf8");
  for (const { suite, test: name, because } of await readDifferences())
    assert.ok(page.includes(`| ${suite} | \`${name}\` | ${because.trim().replaceAll("\n", " ")} |`), name);
});
