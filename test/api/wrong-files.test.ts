/** Every wrong file gets its exact message. The tables in `wrong/` are the reference of what the reader says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { loadKinds } from "#core/api/load.ts";
import { findingLine, wrongFiles } from "./wrong/cases.ts";

const CASES_MIN = 60;

for (const { topic, title, text, expected } of wrongFiles()) {
  test(`${topic}: ${title}`, () => {
    const { diagnostics } = loadKinds([{ path: "file.yaml", text }]);
    assert.equal(diagnostics.map(findingLine).join("\n"), expected);
  });
}

test(`there are at least ${CASES_MIN} wrong files, and none is there twice`, (t) => {
  const cases = wrongFiles();
  t.diagnostic(`figure kinds.wrong-files=${cases.length}`);
  assert.ok(cases.length >= CASES_MIN, `${cases.length} cases`);
  assert.equal(new Set(cases.map(({ text }) => text)).size, cases.length);
});
