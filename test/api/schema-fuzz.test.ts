/** Whatever fits the schema is read without a word about its shape, and comes out as it was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KindName } from "#core/api/kind-schemas.ts";
import { loadKinds } from "#core/api/load.ts";
import { KINDS } from "#core/api/schema.gen.ts";
import type { Schema } from "#core/api/schema.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { arbitraryOf } from "./arbitrary.ts";

/** A whole random object costs milliseconds; more of them find nothing that these do not. */
const RUNS_MAX = 3_000;

/** What was written, with the defaults that the reader adds. */
function withDefaults(schema: Schema, value: unknown): unknown {
  if (schema.type === "list") return (value as unknown[]).map((item) => withDefaults(schema.items, item));
  if (schema.type !== "object") return value;
  const written = value as Record<string, unknown>;
  const filled = Object.entries(schema.properties).flatMap(([name, field]): [string, unknown][] => {
    if (Object.hasOwn(written, name)) return [[name, withDefaults(field, written[name])]];
    return "default" in field ? [[name, field.default]] : [];
  });
  return Object.fromEntries(filled);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

for (const kind of Object.keys(KINDS) as KindName[]) {
  test(`a ${kind} that fits the schema is read as it was written`, () => {
    const { spec: schema, scope } = KINDS[kind];
    const metadata = { name: "sample", ...(scope === "Namespaced" ? { namespace: "prod" } : {}) };
    const property = fc.property(arbitraryOf(schema), (spec) => {
      const text = JSON.stringify({ apiVersion: "sallyport.dev/v1alpha1", kind, metadata, spec });
      const loaded = loadKinds([{ path: "file.json", text }]);
      const errors = loaded.diagnostics.filter(
        ({ severity, code }) => severity === "error" && code !== "RULE",
      );
      assert.deepEqual(errors, []);
      const policies = loaded.policies.flatMap((source) => (source.state === "good" ? [source.policy] : []));
      const [object] = [...policies, ...loaded.connections, ...loaded.identityProviders, ...loaded.tests];
      if (object !== undefined) assert.deepEqual(plain(object.spec), plain(withDefaults(schema, spec)));
    });
    fc.assert(property, { numRuns: Math.min(fuzzRuns(100), RUNS_MAX), ...fuzzSeed() });
  });
}
