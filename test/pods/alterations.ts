/** Every small change of a JSON value: each member gone, each leaf another, each list shorter, longer and the other way round. */

export interface Alteration {
  readonly name: string;
  readonly value: unknown;
}

export function alterations(value: unknown, field: string): readonly Alteration[] {
  if (Array.isArray(value)) return ofList(value, field);
  if (typeof value === "object" && value !== null)
    return ofRecord(value as Readonly<Record<string, unknown>>, field);
  return [{ name: `${field} changed`, value: another(value) }];
}

function ofRecord(record: Readonly<Record<string, unknown>>, field: string): readonly Alteration[] {
  return Object.entries(record).flatMap(([key, inner]) => {
    const { [key]: _gone, ...rest } = record;
    const place = `${field}.${key}`;
    return [
      { name: `${place} removed`, value: rest },
      ...alterations(inner, place).map(({ name, value }) => ({ name, value: { ...record, [key]: value } })),
    ];
  });
}

function ofList(list: readonly unknown[], field: string): readonly Alteration[] {
  const reversed = list.toReversed();
  return [
    ...list.flatMap((item, index) => {
      const place = `${field}[${index}]`;
      return [
        { name: `${place} removed`, value: list.toSpliced(index, 1) },
        ...alterations(item, place).map(({ name, value }) => ({ name, value: list.with(index, value) })),
      ];
    }),
    ...(list.length > 1 ? [{ name: `${field} reversed`, value: reversed }] : []),
  ];
}

function another(leaf: unknown): unknown {
  if (typeof leaf === "string") return /^\d/.test(leaf) ? `1${leaf}` : `${leaf}x`;
  if (typeof leaf === "number") return leaf + 1;
  if (typeof leaf === "boolean") return !leaf;
  return "x";
}
