/** Random values that fit a schema of the kinds. What its CEL rules say is left to chance. */
import fc from "fast-check";
import type { ListSchema, ObjectSchema, Schema, StringSchema } from "#core/api/schema.ts";

const LIST_ITEMS_MAX = 3;

export function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
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
  return matching(pattern).filter((text) => text.length <= maxLength && !/[\0\ufffd]/.test(text));
}

const matchings = new Map<string, fc.Arbitrary<string>>();

/** fast-check tries what a pattern could be taken apart into when it is made, which takes longer than a thousand texts; few patterns are many fields'. */
function matching(pattern: string): fc.Arbitrary<string> {
  const made = matchings.get(pattern) ?? fc.stringMatching(new RegExp(pattern), { size: "xsmall" });
  matchings.set(pattern, made);
  return made;
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
