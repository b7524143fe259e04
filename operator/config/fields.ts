/**
 * Reads a JSON document member by member: what is missing, of the wrong form or unknown becomes a problem in words, and all of
 * them are told at once. A misspelt field never passes for an absent one.
 */
import { nearest } from "#core/api/nearest.ts";
import { readConfigFile } from "#runtime/config-files.ts";

/** A file's content; in words, one problem an entry, when it is not what `read` takes. */
export function readDocument<Value extends object>(
  path: string,
  read: Read<Value>,
): Value | readonly string[] {
  const file = readConfigFile(path);
  return "problem" in file ? [file.problem] : parseDocument(file.text, read);
}

export function parseDocument<Value extends object>(
  json: string,
  read: Read<Value>,
): Value | readonly string[] {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [`not JSON: ${error.message}`];
  }
  const problems: string[] = [];
  return read(document, "", problems) ?? problems;
}

export type Read<Value> = (json: unknown, place: string, problems: string[]) => Value | undefined;

export function text(expected: string, pattern: RegExp): Read<string> {
  return (json, place, problems) => {
    if (typeof json === "string" && pattern.test(json)) return json;
    return wrong(place, expected, problems);
  };
}

export function whole(min: number, max: number): Read<number> {
  return (json, place, problems) => {
    if (typeof json === "number" && Number.isInteger(json) && json >= min && json <= max) return json;
    return wrong(place, `a whole number from ${min} to ${max}`, problems);
  };
}

export const host = text("a host name or an address", /^[0-9A-Za-z.:_-]{1,253}$/);
export const absolutePath = text("an absolute path", /^\/.{1,4095}$/);

export const flag: Read<boolean> = (json, place, problems) =>
  typeof json === "boolean" ? json : wrong(place, "true or false", problems);

export function oneOf<const Word extends string>(words: readonly Word[]): Read<Word> {
  return (json, place, problems) =>
    words.find((word) => word === json) ?? wrong(place, `one of ${words.join(", ")}`, problems);
}

export function list<Value>(item: Read<Value>, itemsMin: number, itemsMax: number): Read<readonly Value[]> {
  return (json, place, problems) => {
    if (!Array.isArray(json) || json.length < itemsMin || json.length > itemsMax)
      return wrong(place, `a list of ${itemsMin} to ${itemsMax}`, problems);
    const items = json.map((entry: unknown, index) => item(entry, `${place}[${index}]`, problems));
    return items.every((entry) => entry !== undefined) ? items : undefined;
  };
}

/** Names of the writer's choosing. */
export function dictionary<Value>(
  value: Read<Value>,
  entriesMax: number,
  pattern?: RegExp,
): Read<Readonly<Record<string, Value>>> {
  return (json, place, problems) => {
    if (!isObject(json) || Object.keys(json).length > entriesMax)
      return wrong(place, `an object with at most ${entriesMax} members`, problems);
    if (pattern !== undefined && !Object.keys(json).every((name) => pattern.test(name)))
      return wrong(place, `members with names like ${pattern}`, problems);
    const entries = Object.entries(json).map(([name, entry]) => [
      name,
      value(entry, `${place}.${name}`, problems),
    ]);
    return entries.every(([, entry]) => entry !== undefined)
      ? (Object.fromEntries(entries) as Record<string, Value>)
      : undefined;
  };
}

/** A member that may be absent. */
export interface Optional<Value> {
  readonly optional: Read<Value>;
}
export const optional = <Value>(read: Read<Value>): Optional<Value> => ({ optional: read });

type Members<Value> = {
  readonly [Name in keyof Required<Value>]: undefined extends Value[Name]
    ? Optional<Exclude<Value[Name], undefined>>
    : Read<Value[Name]>;
};

export function record<Value extends object>(members: Members<Value>): Read<Value> {
  const rows = Object.entries<Read<unknown> | Optional<unknown>>(members);
  const names = rows.map(([name]) => name);
  return (json, place, problems) => {
    if (!isObject(json)) return wrong(place, "an object", problems);
    const before = problems.length;
    for (const name of Object.keys(json))
      if (!names.includes(name)) unknown(inside(place, name), name, names, problems);
    const value: Record<string, unknown> = {};
    for (const [name, row] of rows) {
      const isOptional = typeof row !== "function";
      const at = inside(place, name);
      if (json[name] !== undefined) value[name] = (isOptional ? row.optional : row)(json[name], at, problems);
      else if (!isOptional) problems.push(`${at}: is missing`);
    }
    return problems.length === before ? (value as Value) : undefined;
  };
}

export function isObject(json: unknown): json is Record<string, unknown> {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

export function wrong(place: string, expected: string, problems: string[]): undefined {
  problems.push(`${place === "" ? "the document" : place}: expected ${expected}`);
  return undefined;
}

function unknown(place: string, name: string, names: readonly string[], problems: string[]): void {
  const meant = nearest(name, names);
  problems.push(`${place}: there is no such field${meant === undefined ? "" : `; did you mean "${meant}"?`}`);
}

function inside(place: string, name: string): string {
  return place === "" ? name : `${place}.${name}`;
}
