/** Every CEL rule accepts what it should and refuses what it should, and there is no rule without such a pair. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Diagnostic } from "#core/api/diagnostic.ts";
import { loadKinds } from "#core/api/load.ts";
import { KINDS } from "#core/api/schema.gen.ts";
import type { Rule, Schema } from "#core/api/schema.ts";
import { RULE_SAMPLES } from "./rules/samples.ts";

interface Placed {
  readonly kind: string;
  readonly at: string;
  readonly rule: Rule;
}

function rulesOf(kind: string, schema: Schema, at: string): Placed[] {
  const here = (schema.rules ?? []).map((rule) => ({ kind, at, rule }));
  if (schema.type === "list") return [...here, ...rulesOf(kind, schema.items, `${at}[]`)];
  if (schema.type !== "object") return here;
  const below = Object.entries(schema.properties).flatMap(([name, field]) =>
    rulesOf(kind, field, `${at}.${name}`),
  );
  return [...here, ...below];
}

const rules = Object.entries(KINDS).flatMap(([kind, { spec }]) => rulesOf(kind, spec, "spec"));

/** JSON is YAML: the objects go through the reader as a file would. */
function errorsOf(object: unknown): readonly Diagnostic[] {
  const { diagnostics } = loadKinds([{ path: "sample.json", text: JSON.stringify(object) }]);
  return diagnostics.filter(({ severity }) => severity === "error");
}

for (const { kind, at, rule } of rules) {
  test(`${kind} ${at}: ${rule.message}`, () => {
    const samples = RULE_SAMPLES.filter(
      (sample) => sample.kind === kind && sample.at === at && rule.message.startsWith(sample.message),
    );
    assert.ok(samples.length > 0, "no pair of samples in rules/samples.ts");
    for (const { accepted, refused } of samples) {
      assert.deepEqual(errorsOf(accepted), []);
      const found = errorsOf(refused).map(({ code, message }) => ({ code, message }));
      assert.deepEqual(found, [{ code: "RULE", message: rule.message }]);
    }
  });
}

test("every pair of samples belongs to a rule", () => {
  const stray = RULE_SAMPLES.filter(
    (sample) =>
      !rules.some(
        ({ kind, at, rule }) =>
          kind === sample.kind && at === sample.at && rule.message.startsWith(sample.message),
      ),
  );
  assert.deepEqual(stray, []);
});
