/** `node tools/pods/write-outcomes.ts` writes the outcomes anew. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, test } from "node:test";
import { load } from "js-yaml";
import { check } from "#operator/admission/pod/check.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { outcomesOf, RENDERED_PATH, renderedText, shapeFiles } from "./shapes.ts";
import { GATEWAY_UID, SETTINGS } from "./surroundings.ts";

const files = shapeFiles();

for (const file of files) {
  describe(`shapes of ${basename(file.path)}`, () => {
    const expected = load(readFileSync(file.outcomePath, "utf8")) as Readonly<Record<string, unknown>>;
    const actual = load(outcomesOf(file)) as Readonly<Record<string, unknown>>;

    for (const { name, pod, facts } of file.shapes) {
      test(name, () => {
        assert.deepEqual(actual[name], expected[name]);
        const result = inject(pod, facts, SETTINGS, GATEWAY_UID);
        if (result.outcome === "injected") assert.deepEqual(check(result.pod, facts, SETTINGS), []);
      });
    }

    test("no outcome is without its shape", () => {
      assert.deepEqual(
        Object.keys(expected),
        file.shapes.map(({ name }) => name),
      );
    });
  });
}

test("what is put in is what was reviewed", () => {
  assert.deepEqual(load(renderedText()), load(readFileSync(RENDERED_PATH, "utf8")));
});

test("what it costs", (t) => {
  const shapes = files.flatMap((file) => file.shapes);
  const from = process.hrtime.bigint();
  for (const { pod, facts } of shapes) {
    const result = inject(pod, facts, SETTINGS, GATEWAY_UID);
    if (result.outcome === "refused") continue;
    assert.notEqual(jsonPatch(pod, result.pod).length, 0);
    assert.deepEqual(check(result.pod, facts, SETTINGS), []);
  }
  const microseconds = Number(process.hrtime.bigint() - from) / 1000 / shapes.length;
  t.diagnostic(`figure pods.inject-patch-check-us=${microseconds.toFixed(0)}`);
});

test("there are many, no two alike", (t) => {
  const names = files.flatMap(({ shapes }) => shapes.map(({ name }) => name));
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length >= 60);
  t.diagnostic(`figure pods.shapes=${names.length}`);
});
