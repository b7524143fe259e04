/** Whatever fits the schema is read without a word about its shape, and comes out as it was written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { KindName } from "#core/api/kind-schemas.ts";
import { loadKinds } from "#core/api/load.ts";
import { KINDS } from "#core/api/schema.gen.ts";
import type { ListSchema, ObjectSchema, Schema, StringSchema } from "#core/api/schema.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

const LIST_ITEMS_MAX = 3;
/** A whole random object costs milliseconds; more of them find nothing that these do not. */
const RUNS_MAX = 3_000;

function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case "string":
      return textOf(schema);
    case "integer":
      return fc.integer({ min: schema.minimum ?? 0, max: Math.min(schema.maximum ?? 1e9, 2 ** 31 - 1) });
    case "boolean":
      return fc.boolean();
    case "list":
      return listOf(schema);
    case "object":
      return fieldsOf(schema);
    case "map":
      return fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9]{0,5}$/), textOf(schema.values), {
        minKeys: schema.minProperties ?? 0,
        maxKeys: LIST_ITEMS_MAX,
      });
  }
}

function textOf({
  enum: words,
  pattern,
  format,
  minLength = 0,
  maxLength = 20,
}: StringSchema): fc.Arbitrary<string> {
  if (words !== undefined) return fc.constantFrom(...words);
  if (format === "date-time") {
    return fc
      .date({ min: new Date(0), max: new Date("2200-01-01"), noInvalidDate: true })
      .map((date) => date.toISOString());
  }
  if (pattern === undefined) return fc.string({ minLength, maxLength: Math.min(maxLength, 20) });
  return fc
    .stringMatching(new RegExp(pattern), { size: "xsmall" })
    .filter((text) => text.length <= maxLength && !/[\0\ufffd]/.test(text));
}

function listOf({ items, minItems = 0, unique }: ListSchema): fc.Arbitrary<unknown> {
  const selector = (item: unknown): unknown => {
    return unique?.by === "key" ? (item as Record<string, unknown>)[unique.key] : item;
  };
  const bounds = { minLength: minItems, maxLength: Math.max(minItems, LIST_ITEMS_MAX) };
  const item = arbitraryOf(items);
  return unique === undefined ? fc.array(item, bounds) : fc.uniqueArray(item, { ...bounds, selector });
}

function fieldsOf({ properties, required = [], minProperties = 0 }: ObjectSchema): fc.Arbitrary<unknown> {
  const shape = Object.fromEntries(
    Object.entries(properties).map(([name, field]) => [name, arbitraryOf(field)]),
  );
  return fc
    .record(shape, { requiredKeys: [...required] })
    .filter((value) => Object.keys(value as object).length >= minProperties);
}

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
