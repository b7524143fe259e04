/** Walks the schemas of the kinds, so that a field that comes later is not forgotten. */
import type { Schema } from "#core/api/schema.ts";

/** Every field of one of these names, as `spec.credential.source.file`. */
export function fieldsNamed(schema: Schema, names: readonly string[], at = "spec"): string[] {
  if (schema.type === "list") return fieldsNamed(schema.items, names, `${at}[]`);
  if (schema.type !== "object") return [];
  return Object.entries(schema.properties).flatMap(([name, field]) => {
    const path = `${at}.${name}`;
    return names.includes(name) ? [path] : fieldsNamed(field, names, path);
  });
}
