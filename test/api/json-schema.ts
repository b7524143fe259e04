/** Just enough of JSON Schema draft 7 to check the published schema without the code that made it. */

type Json = Readonly<Record<string, unknown>>;
type Check = (schema: Json, value: unknown, root: Json) => boolean;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const every = (held: unknown, test: (key: string, inner: unknown) => boolean): boolean =>
  Object.entries(held as Json).every(([key, inner]) => test(key, inner));
const lengthOf = (value: unknown): number | undefined =>
  typeof value === "string" ? [...value].length : undefined;

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
};

const atLeast = (limit: unknown, measured: number | undefined): boolean =>
  measured === undefined || measured >= Number(limit);
const atMost = (limit: unknown, measured: number | undefined): boolean =>
  measured === undefined || measured <= Number(limit);
const count = (value: unknown): number | undefined => (Array.isArray(value) ? value.length : undefined);
const fields = (value: unknown): number | undefined =>
  isObject(value) ? Object.keys(value).length : undefined;
const numeric = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined);

const KEYWORDS: Readonly<Record<string, Check>> = {
  $ref: ({ $ref }, value, root) => {
    const name = String($ref).replace("#/definitions/", "");
    const definition = (root["definitions"] as Json)[name];
    if (!isObject(definition)) throw new Error(`no definition ${name}`);
    return accepts(definition, value, root);
  },
  type: ({ type }, value) => TYPES[String(type)]?.(value) ?? fail(`type ${type}`),
  const: ({ const: wanted }, value) => value === wanted,
  enum: ({ enum: wanted }, value) => (wanted as unknown[]).includes(value),
  pattern: ({ pattern }, value) => typeof value !== "string" || new RegExp(String(pattern), "u").test(value),
  minLength: ({ minLength }, value) => atLeast(minLength, lengthOf(value)),
  maxLength: ({ maxLength }, value) => atMost(maxLength, lengthOf(value)),
  minimum: ({ minimum }, value) => atLeast(minimum, numeric(value)),
  maximum: ({ maximum }, value) => atMost(maximum, numeric(value)),
  minItems: ({ minItems }, value) => atLeast(minItems, count(value)),
  maxItems: ({ maxItems }, value) => atMost(maxItems, count(value)),
  minProperties: ({ minProperties }, value) => atLeast(minProperties, fields(value)),
  maxProperties: ({ maxProperties }, value) => atMost(maxProperties, fields(value)),
  uniqueItems: (_, value) =>
    !Array.isArray(value) || new Set(value.map((item) => JSON.stringify(item))).size === value.length,
  required: ({ required }, value) =>
    !isObject(value) || (required as string[]).every((name) => Object.hasOwn(value, name)),
  items: ({ items }, value, root) =>
    !Array.isArray(value) || value.every((item) => accepts(items as Json, item, root)),
  properties: ({ properties }, value, root) =>
    !isObject(value) ||
    every(
      properties,
      (name, field) => !Object.hasOwn(value, name) || accepts(field as Json, value[name], root),
    ),
  additionalProperties: (schema, value, root) => {
    if (!isObject(value)) return true;
    const known = (schema["properties"] ?? {}) as Json;
    const { additionalProperties: other } = schema;
    return every(
      value,
      (name, inner) => Object.hasOwn(known, name) || (other !== false && accepts(other as Json, inner, root)),
    );
  },
  propertyNames: ({ propertyNames }, value, root) =>
    !isObject(value) || every(value, (name) => accepts(propertyNames as Json, name, root)),
  allOf: ({ allOf }, value, root) => (allOf as Json[]).every((schema) => accepts(schema, value, root)),
  if: (schema, value, root) =>
    !accepts(schema["if"] as Json, value, root) || accepts(schema["then"] as Json, value, root),
  format: ({ format }, value) =>
    format !== "date-time" || (typeof value === "string" && !Number.isNaN(Date.parse(value))),
};
const ANNOTATIONS = new Set([
  "$schema",
  "$id",
  "$comment",
  "title",
  "description",
  "default",
  "definitions",
  "then",
  "patternErrorMessage",
]);

export function accepts(schema: Json, value: unknown, root: Json = schema): boolean {
  return Object.keys(schema).every((keyword) => {
    if (ANNOTATIONS.has(keyword)) return true;
    return (KEYWORDS[keyword] ?? fail(keyword))(schema, value, root);
  });
}

function fail(what: string): never {
  throw new Error(`the checker does not know ${what}`);
}
