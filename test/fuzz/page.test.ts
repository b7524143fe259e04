/** docs/fuzzing.md and what it is made of hold together; `make fuzz` is the run itself. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { pageOf, readPage, readReport } from "#tools/fuzz/page.ts";
import { FUZZERS } from "./fuzzers.ts";

const LANES = ["defects", ...FUZZERS.map(({ name }) => name), "properties"];

test("the page tells of the last run, and counts the planted defects", () => {
  assert.equal(readPage(), pageOf(readPage(), readReport()));
  assert.notEqual(readPage(), pageOf(readPage(), { ...readReport(), seed: -1 }));
});

test("every lane is on the page, and was in the last run", () => {
  const [table = ""] = readPage().split("A client here is a list of turns");
  assert.deepEqual(
    LANES.filter((lane) => !table.includes(`| \`${lane}\` |`)),
    [],
  );
  assert.deepEqual(
    readReport().lanes.map(({ name }) => name),
    LANES,
  );
});
