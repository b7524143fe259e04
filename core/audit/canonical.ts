/**
 * Canonical JSON (RFC 8785) for what our events hold: one value has one text, on every platform, so that two writers of
 * the same event make the same bytes. Used when writing; what is stored is hashed as it stands.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** Deeper is a bug of the writer, not data. */
const DEPTH_MAX = 64;

/**
 * Members that are undefined do not exist. Lone surrogates, which are no text, become U+FFFD; anything else that JSON
 * cannot say is a bug and throws.
 */
export function canonicalText(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw new RangeError(`canonical JSON is at most ${DEPTH_MAX} levels deep`);
  switch (typeof value) {
    case "string":
      // RFC 8785 takes its string and number forms from ECMAScript's own JSON.stringify.
      return JSON.stringify(value.toWellFormed());
    case "number":
      if (!Number.isFinite(value)) throw new RangeError(`${value} is no JSON number`);
      return JSON.stringify(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? listText(value, depth) : objectText(value, depth);
    default:
      throw new TypeError(`canonical JSON holds no ${typeof value}`);
  }
}

function listText(list: readonly unknown[], depth: number): string {
  return `[${list.map((item) => canonicalText(item, depth + 1)).join(",")}]`;
}

function objectText(object: object, depth: number): string {
  const members = new Map<string, string>();
  for (const [name, value] of Object.entries(object)) {
    if (value !== undefined) members.set(name.toWellFormed(), canonicalText(value, depth + 1));
  }
  // The default order compares UTF-16 code units, as section 3.2.3 asks.
  const names = [...members.keys()].sort();
  return `{${names.map((name) => `${JSON.stringify(name)}:${members.get(name) ?? ""}`).join(",")}}`;
}
