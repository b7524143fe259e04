/**
 * Checks a located value against a schema and gives the plain value back, defaults filled in. Every finding says what
 * was expected and where; a part that is wrong does not keep the others from being checked. `ok` speaks of the shape
 * only: whether the whole is good is for the findings to say.
 */
import type { Findings } from "./findings.ts";
import {
  entryOf,
  type Located,
  type LocatedEntry,
  type LocatedMap,
  offsetOf,
  type Path,
  quoted,
} from "./located.ts";
import { nearest } from "./nearest.ts";
import { celValue, evaluateRule } from "./rules.ts";
import { checkBoolean, checkInteger, checkText } from "./scalar-checks.ts";
import type { ListSchema, MapSchema, ObjectSchema, Schema } from "./schema.ts";

export type Checked = { readonly ok: true; readonly value: unknown } | { readonly ok: false };
export const WRONG: Checked = { ok: false };

const NAMES_LISTED_MAX = 16;

export function validate(node: Located, schema: Schema, path: Path, findings: Findings): Checked {
  const checked = validateShape(node, schema, path, findings);
  if (!checked.ok) return checked;
  if (schema.rules === undefined) return checked;
  const self = celValue(checked.value);
  for (const rule of schema.rules) {
    const verdict = evaluateRule(rule, self);
    if (verdict === "holds") continue;
    const below = rule.fieldPath?.split(".").filter((part) => part !== "") ?? [];
    const fault = verdict === "broken" ? "" : ` (the rule cannot be evaluated: ${verdict.fault})`;
    const start = offsetOf(node, below);
    findings.add({ code: "RULE", start, path: [...path, ...below], message: rule.message + fault });
  }
  // As with the API server, a broken rule below does not keep the rules above from being asked.
  return checked;
}

function validateShape(node: Located, schema: Schema, path: Path, findings: Findings): Checked {
  if (node.kind === "hole") return WRONG;
  switch (schema.type) {
    case "string":
      return checkText(node, schema, path, findings);
    case "integer":
      return checkInteger(node, schema, path, findings);
    case "boolean":
      return checkBoolean(node, path, findings);
    case "list":
      return checkList(node, schema, path, findings);
    case "object":
      return node.kind === "map"
        ? checkObject(node, schema, path, findings)
        : wrongCollection(node, schema, path, findings);
    case "map":
      return node.kind === "map"
        ? checkMap(node, schema, path, findings)
        : wrongCollection(node, schema, path, findings);
  }
}

/** A scalar or a list where fields belong, or a scalar where a list belongs. */
function wrongCollection(
  node: Exclude<Located, { kind: "hole" }>,
  schema: ListSchema | ObjectSchema | MapSchema,
  path: Path,
  findings: Findings,
): Checked {
  const wanted = schema.type === "list" ? "a list" : `fields (${wantedNames(schema)})`;
  let message = `expected ${wanted}, found ${node.kind === "map" ? "fields" : node.kind === "list" ? "a list" : "text"}`;
  if (node.kind === "scalar" && node.plain && /^(~|null|Null|NULL|)$/.test(node.text)) {
    message = `has no value; give ${wanted} or remove it`;
  } else if (node.kind === "scalar" && schema.type === "list") {
    message = `expected a list; write [${node.plain ? quoted(node.text).slice(1, -1) : quoted(node.text)}]`;
  }
  findings.add({ code: "WRONG_TYPE", start: node.start, path, message });
  return WRONG;
}

function wantedNames(schema: ObjectSchema | MapSchema): string {
  return schema.type === "map" ? "name: value" : listed(Object.keys(schema.properties));
}

function listed(names: readonly string[]): string {
  if (names.length <= NAMES_LISTED_MAX) return names.join(", ");
  return `${names.slice(0, NAMES_LISTED_MAX).join(", ")}, …`;
}

function checkList(
  node: Exclude<Located, { kind: "hole" }>,
  schema: ListSchema,
  path: Path,
  findings: Findings,
): Checked {
  if (node.kind !== "list") return wrongCollection(node, schema, path, findings);
  const { start, items } = node;
  const { minItems = 0, maxItems } = schema;
  let ok = true;
  const refuse = (code: string, message: string): void => {
    ok = false;
    findings.add({ code, start, path, message });
  };
  if (items.length < minItems)
    refuse("TOO_FEW_ITEMS", "the list is empty; give at least one item or remove it");
  if (items.length > maxItems)
    refuse("TOO_MANY_ITEMS", `${items.length} items; at most ${maxItems} are allowed`);
  const values: unknown[] = [];
  for (const [index, item] of items.slice(0, maxItems).entries()) {
    const checked = validate(item, schema.items, [...path, index], findings);
    if (checked.ok) values.push(checked.value);
    else ok = false;
  }
  if (!noneTwice(items.slice(0, maxItems), schema, path, findings)) ok = false;
  return ok ? { ok, value: values } : WRONG;
}

function noneTwice(
  items: readonly Located[],
  { unique }: ListSchema,
  path: Path,
  findings: Findings,
): boolean {
  if (unique === undefined) return true;
  const seen = new Map<string, number>();
  let ok = true;
  for (const [index, item] of items.entries()) {
    const marked = unique.by === "value" ? item : entryOf(item, unique.key)?.value;
    if (marked?.kind !== "scalar") continue;
    const first = seen.get(marked.text);
    if (first === undefined) {
      seen.set(marked.text, index);
      continue;
    }
    ok = false;
    const at = unique.by === "value" ? [...path, index] : [...path, index, unique.key];
    const message = `${quoted(marked.text)} stands in this list twice, first at [${first}]`;
    findings.add({ code: "DUPLICATE_ITEM", start: marked.start, path: at, message });
  }
  return ok;
}

function checkObject(node: LocatedMap, schema: ObjectSchema, path: Path, findings: Findings): Checked {
  const value: Record<string, unknown> = {};
  let ok = true;
  for (const entry of node.entries) {
    const at = [...path, entry.key];
    const field = Object.hasOwn(schema.properties, entry.key) ? schema.properties[entry.key] : undefined;
    if (field === undefined) {
      ok = false;
      const message = findings.full ? "" : unknownField(entry, node, schema);
      findings.add({ code: "UNKNOWN_FIELD", start: entry.keyStart, path: at, message });
      continue;
    }
    const checked = validate(entry.value, field, at, findings);
    if (checked.ok) value[entry.key] = checked.value;
    else ok = false;
  }
  if (node.damaged) return WRONG;
  for (const name of schema.required ?? []) {
    if (entryOf(node, name) !== undefined) continue;
    ok = false;
    const message = schema.hints?.[name] ?? `${name} is missing`;
    findings.add({ code: "MISSING_FIELD", start: node.start, path: [...path, name], message });
  }
  if (node.entries.length < (schema.minProperties ?? 0)) {
    ok = false;
    const message = `says nothing; give at least one of ${listed(Object.keys(schema.properties))}`;
    findings.add({ code: "EMPTY", start: node.start, path, message });
  }
  if (ok) fillDefaults(value, schema);
  return ok ? { ok, value } : WRONG;
}

function fillDefaults(value: Record<string, unknown>, schema: ObjectSchema): void {
  for (const [name, field] of Object.entries(schema.properties)) {
    if ("default" in field && field.default !== undefined && !Object.hasOwn(value, name))
      value[name] = field.default;
  }
}

function unknownField(entry: LocatedEntry, node: LocatedMap, schema: ObjectSchema): string {
  const { key } = entry;
  const hint = schema.hints !== undefined && Object.hasOwn(schema.hints, key) ? schema.hints[key] : undefined;
  if (hint !== undefined) return hint;
  const names = Object.keys(schema.properties);
  const absent = names.filter((name) => entryOf(node, name) === undefined);
  const near = nearest(key, absent) ?? nearest(key, names);
  if (near !== undefined) return `unknown field ${quoted(key)}; did you mean ${quoted(near)}?`;
  const under = names.find((name) => {
    const field = schema.properties[name];
    return field?.type === "object" && Object.hasOwn(field.properties, key);
  });
  if (under !== undefined) return `unknown field ${quoted(key)}; it belongs under ${quoted(under)}`;
  return `unknown field ${quoted(key)}; known here: ${listed(names)}`;
}

function checkMap(node: LocatedMap, schema: MapSchema, path: Path, findings: Findings): Checked {
  const { minProperties = 0, maxProperties, keyPattern, keyExpects } = schema;
  const { start, entries } = node;
  const value: Record<string, unknown> = Object.create(null);
  let ok = true;
  if (node.damaged) return WRONG;
  if (entries.length < minProperties) {
    ok = false;
    findings.add({
      code: "EMPTY",
      start,
      path,
      message: "says nothing; give at least one entry or remove it",
    });
  }
  if (entries.length > maxProperties) {
    ok = false;
    const message = `${entries.length} entries; at most ${maxProperties} are allowed`;
    findings.add({ code: "TOO_MANY_ITEMS", start, path, message });
  }
  for (const { key, keyStart, keyPlain, value: inner } of entries.slice(0, maxProperties)) {
    const at = [...path, key];
    const checkedKey = checkText(
      { kind: "scalar", start: keyStart, text: key, plain: keyPlain },
      {
        type: "string",
        ...(keyPattern === undefined ? {} : { pattern: keyPattern }),
        expects: keyExpects ?? "a name",
      },
      at,
      findings,
    );
    const checked = validate(inner, schema.values, at, findings);
    if (checkedKey.ok && checked.ok) value[key] = checked.value;
    else ok = false;
  }
  return ok ? { ok, value } : WRONG;
}
