import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { EPHEMERAL_RULES } from "#operator/admission/pod/ephemeral.ts";
import { RULES } from "#operator/admission/pod/rules/index.ts";
import { SIZE_RULES } from "#operator/admission/pod/size.ts";
import { UPDATE_RULES } from "#operator/admission/pod/update.ts";
import { FORCED_UID, GATEWAY_UIDS, INIT_UID, PATHS } from "#operator/names.ts";

const page = readFileSync(join(import.meta.dirname, "../../docs/pod-shape.md"), "utf8");

/** Rows of the table that stands under a comment. */
function tableAfter(mark: string): readonly string[] {
  const start = page.indexOf(`<!-- ${mark}:`);
  assert.ok(start >= 0, mark);
  const lines = page.slice(start).split("\n").slice(2);
  return lines.slice(
    2,
    lines.findIndex((line) => line === ""),
  );
}

const rowsOf = (
  rules: readonly (readonly [string, { readonly title: string; readonly fix: string }])[],
): string[] => rules.map(([name, { title, fix }]) => `| \`${name}\` | ${title} | ${fix} |`);

describe("docs/pod-shape.md", () => {
  const rules = Object.entries(RULES);

  test("tells what is refused and what to do", () => {
    assert.deepEqual(tableAfter("refused"), rowsOf(rules.filter(([, { remedy }]) => remedy === "refused")));
  });

  test("tells what is put right", () => {
    assert.deepEqual(tableAfter("forced"), rowsOf(rules.filter(([, { remedy }]) => remedy === "forced")));
  });

  test("tells what happens to living pods", () => {
    assert.deepEqual(
      tableAfter("later"),
      rowsOf([
        ...Object.entries(EPHEMERAL_RULES),
        ...Object.entries(UPDATE_RULES),
        ...Object.entries(SIZE_RULES),
      ]),
    );
  });

  test("has the numbers right", () => {
    for (const number of [FORCED_UID, GATEWAY_UIDS.first, GATEWAY_UIDS.last, INIT_UID, PATHS.ca]) {
      assert.ok(page.includes(String(number)), String(number));
    }
  });
});
