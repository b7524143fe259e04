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
  let text = "";
  for (const item of list) text += (text === "" ? "" : ",") + canonicalText(item, depth + 1);
  return `[${text}]`;
}

function objectText(object: object, depth: number): string {
  const names = Object.keys(object);
  if (!names.every(isWellFormed)) return objectText(wellNamed(object), depth);
  let text = "";
  // The default order compares UTF-16 code units, as section 3.2.3 asks.
  for (const name of isSorted(names) ? names : names.sort()) {
    const value = (object as Readonly<Record<string, unknown>>)[name];
    if (value === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(name)}:${canonicalText(value, depth + 1)}`;
  }
  return `{${text}}`;
}

const isWellFormed = (name: string): boolean => name.isWellFormed();

function wellNamed(object: object): object {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name.toWellFormed(), value]));
}

function isSorted(names: readonly string[]): boolean {
  for (let at = 1; at < names.length; at += 1)
    if ((names[at - 1] as string) > (names[at] as string)) return false;
  return true;
}
