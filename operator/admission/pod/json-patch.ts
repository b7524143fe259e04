/** The difference of two JSON values as a JSON patch (RFC 6902): small, since it is in every API server's audit log. */

export type Operation =
  | { readonly op: "add" | "replace"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string };

export function jsonPatch(before: unknown, after: unknown): readonly Operation[] {
  return patchAt("", before, after);
}

function patchAt(path: string, before: unknown, after: unknown): readonly Operation[] {
  if (isRecord(before) && isRecord(after)) return patchRecord(path, before, after);
  if (Array.isArray(before) && Array.isArray(after)) return patchList(path, before, after);
  return before === after ? [] : [{ op: "replace", path, value: after }];
}

type JsonRecord = Readonly<Record<string, unknown>>;

function patchRecord(path: string, before: JsonRecord, after: JsonRecord): readonly Operation[] {
  return [
    ...Object.keys(before)
      .filter((key) => before[key] !== undefined && (!Object.hasOwn(after, key) || after[key] === undefined))
      .map((key): Operation => ({ op: "remove", path: `${path}/${escape(key)}` })),
    ...Object.entries(after).flatMap(([key, value]): readonly Operation[] => {
      if (value === undefined) return [];
      const place = `${path}/${escape(key)}`;
      if (!Object.hasOwn(before, key) || before[key] === undefined)
        return [{ op: "add", path: place, value }];
      return patchAt(place, before[key], value);
    }),
  ];
}

/** Items of Kubernetes' lists are known by their name: what has one in both is changed where it is, what has not comes and goes. */
function patchList(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
): readonly Operation[] {
  const old = new Map(before.map((item, index) => [keyOf(item), index]));
  const wanted = new Set(after.map(keyOf));
  if (old.size < before.length || wanted.size < after.length || !isSameOrder(old, wanted)) {
    return patchByIndex(path, before, after);
  }
  const removed = [...old]
    .filter(([key]) => !wanted.has(key))
    .map(([, index]): Operation => ({ op: "remove", path: `${path}/${index}` }))
    .toReversed();
  return [
    ...removed,
    ...after.flatMap((value, index): readonly Operation[] => {
      const from = old.get(keyOf(value));
      const place = `${path}/${index}`;
      return from === undefined ? [{ op: "add", path: place, value }] : patchAt(place, before[from], value);
    }),
  ];
}

function isSameOrder(old: ReadonlyMap<string, number>, wanted: ReadonlySet<string>): boolean {
  const places = [...wanted].flatMap((key) => old.get(key) ?? []);
  return places.every((place, index) => index === 0 || place > (places[index - 1] ?? -1));
}

function patchByIndex(
  path: string,
  before: readonly unknown[],
  after: readonly unknown[],
): readonly Operation[] {
  const shared = Math.min(before.length, after.length);
  return [
    ...before
      .map((_, index): Operation => ({ op: "remove", path: `${path}/${index}` }))
      .slice(shared)
      .toReversed(),
    ...after.flatMap((value, index): readonly Operation[] =>
      index < shared
        ? patchAt(`${path}/${index}`, before[index], value)
        : [{ op: "add", path: `${path}/${index}`, value }],
    ),
  ];
}

function keyOf(item: unknown): string {
  if (isRecord(item) && typeof item["name"] === "string") return `name:${JSON.stringify(item["name"])}`;
  return `value:${JSON.stringify(item)}`;
}

const escape = (key: string): string => key.replaceAll("~", "~0").replaceAll("/", "~1");

const isRecord = (value: unknown): value is JsonRecord =>
  typeof value === "object" && value !== null && !Array.isArray(value);
