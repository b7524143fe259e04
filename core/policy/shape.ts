/**
 * Reads the parts of a policy without trusting that somebody checked it. The files' reader reports with line and
 * column; this is the last door before the plan, so that a policy from a newer version, with a restriction that we do
 * not know, is broken instead of wide.
 */

/** Tells what is wrong at which place, `spec.deny[0].postgres.tables[1]`. Whoever reports gives no usable result. */
export type Report = (path: string, message: string) => void;

export type Fields = Readonly<Record<string, unknown>>;

const LIST_ENTRIES_MAX = 4_096;

export function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Own, defined fields only; an unknown one is reported, because it may be a restriction. */
export function readFields(value: unknown, known: readonly string[], path: string, report: Report): Fields {
  if (!isRecord(value)) {
    report(path, "must be an object");
    return {};
  }
  const fields: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const field = value[name];
    if (field === undefined) continue;
    if (known.includes(name)) fields[name] = field;
    else report(join(path, name), `is not a field of this version; known are ${known.join(", ")}`);
  }
  return fields;
}

export function readList(value: unknown, path: string, report: Report): readonly unknown[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) {
    report(path, "must be a list");
    return [];
  }
  if (value.length > LIST_ENTRIES_MAX) {
    report(path, `has ${value.length} entries; at most ${LIST_ENTRIES_MAX} are taken`);
    return [];
  }
  // A hole or an undefined entry would be left out by whoever reads on, and with it a restriction.
  const entries: unknown[] = [];
  for (const entry of value as readonly unknown[]) entries.push(entry ?? null);
  return entries;
}

export function readTexts(value: unknown, path: string, report: Report): readonly string[] {
  return readList(value, path, report).flatMap((entry, index) => {
    const text = readText(entry, `${path}[${index}]`, report);
    return text === undefined ? [] : [text];
  });
}

export function readText(value: unknown, path: string, report: Report): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "string" && value !== "") return value;
  report(path, "must be a text that is not empty");
  return undefined;
}

export function readFlag(value: unknown, path: string, report: Report): boolean | undefined {
  if (value === undefined || typeof value === "boolean") return value;
  report(path, "must be true or false");
  return undefined;
}

export function readCount(value: unknown, path: string, report: Report): number | undefined {
  if (value === undefined) return undefined;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  report(path, "must be a whole number, 0 or more");
  return undefined;
}

export function readChoice<const Choice extends string>(
  value: unknown,
  choices: readonly Choice[],
  path: string,
  report: Report,
): Choice | undefined {
  if (value === undefined) return undefined;
  const found = choices.find((choice) => choice === value);
  if (found === undefined) report(path, `must be one of ${choices.join(", ")}`);
  return found;
}

export function readTextMap(value: unknown, path: string, report: Report): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  if (value === undefined) return map;
  if (!isRecord(value)) {
    report(path, "must be an object of texts");
    return map;
  }
  for (const [name, entry] of Object.entries(value)) {
    if (typeof entry === "string") map.set(name, entry);
    else report(join(path, name), "must be a text");
  }
  return map;
}

export function join(path: string, field: string): string {
  return path === "" ? field : `${path}.${field}`;
}
