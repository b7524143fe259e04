/**
 * Shapes: how one value stands in a frame, in both directions. Bytes travel in the frame's binary part and are never
 * text; what arrives is copied into exactly the declared members, each within its bound, or refused as a whole.
 */

/** The other side broke the contract: its connection ends. Never quotes what it sent. */
export class PortViolation extends Error {
  constructor(place: string, expected: string) {
    super(`${place}: expected ${expected}`);
    this.name = "PortViolation";
  }
}

/** Binary parts of the frame that is being read; each is taken once, in order. */
export interface PartsIn {
  next(place: string): Uint8Array;
}

export interface Shape<Value> {
  /** Adds binary parts to `parts`; what is returned goes into the frame's JSON. */
  write(value: Value, parts: Uint8Array[]): unknown;
  read(json: unknown, parts: PartsIn, place: string): Value;
}

export type ValueOf<S> = S extends Shape<infer Value> ? Value : never;

export function text(charactersMax: number, pattern?: RegExp): Shape<string> {
  return plain(
    `text of at most ${charactersMax} characters${pattern === undefined ? "" : ` like ${pattern}`}`,
    (json) =>
      typeof json === "string" && json.length <= charactersMax && (pattern?.test(json) ?? true)
        ? json
        : undefined,
  );
}

export function whole(min: number, max: number = Number.MAX_SAFE_INTEGER): Shape<number> {
  return plain(`a whole number from ${min} to ${max}`, (json) =>
    Number.isSafeInteger(json) && Number(json) >= min && Number(json) <= max ? Number(json) : undefined,
  );
}

export const flag: Shape<boolean> = plain("true or false", (json) =>
  typeof json === "boolean" ? json : undefined,
);

export function oneOf<const Word extends string>(words: readonly Word[]): Shape<Word> {
  return plain(`one of ${words.length} words`, (json) => words.find((word) => word === json));
}

function plain<Value>(expected: string, accept: (json: unknown) => Value | undefined): Shape<Value> {
  return {
    write: (value) => value,
    read: (json, _parts, place) => {
      const value = accept(json);
      if (value === undefined) throw new PortViolation(place, expected);
      return value;
    },
  };
}

/** In the JSON stands nothing but that there is one. */
export function bytes(min: number, max: number): Shape<Uint8Array> {
  return {
    write: (value, parts) => {
      parts.push(value);
      return 0;
    },
    read: (json, parts, place) => {
      if (json !== 0) throw new PortViolation(place, "bytes");
      const part = parts.next(place);
      if (part.length < min || part.length > max) throw new PortViolation(place, `${min} to ${max} bytes`);
      return part;
    },
  };
}

/** Bytes that must not linger: the reader gets them in memory of their own, and they are wiped from the frame. */
export function secret(min: number, max: number): Shape<Uint8Array> {
  const open = bytes(min, max);
  return {
    write: (value, parts) => open.write(value, parts),
    read: (json, parts, place) => {
      const part = open.read(json, parts, place);
      const own = new Uint8Array(part);
      part.fill(0);
      return own;
    },
  };
}

export function list<Value>(item: Shape<Value>, itemsMax: number): Shape<readonly Value[]> {
  return {
    write: (values, parts) => values.map((value) => item.write(value, parts)),
    read: (json, parts, place) => {
      if (!Array.isArray(json) || json.length > itemsMax)
        throw new PortViolation(place, `a list of at most ${itemsMax}`);
      const itemPlace = `${place}[]`;
      return json.map((entry: unknown) => item.read(entry, parts, itemPlace));
    },
  };
}

/** A member that may be absent. */
export interface Optional<Value> {
  readonly optional: Shape<Value>;
}
export function optional<Value>(shape: Shape<Value>): Optional<Value> {
  return { optional: shape };
}

type Members<Value> = {
  readonly [Name in keyof Required<Value>]: undefined extends Value[Name]
    ? Optional<Exclude<Value[Name], undefined>>
    : Shape<Value[Name]>;
};

/** Exactly these members, in this order of their binary parts. */
export function record<Value extends object>(members: Members<Value>): Shape<Value> {
  const rows = Object.entries<Shape<unknown> | Optional<unknown>>(members).map(([name, row]) => ({
    name,
    shape: "optional" in row ? row.optional : row,
    isOptional: "optional" in row,
  }));
  const names = new Set(rows.map(({ name }) => name));
  /** Where the members stand of a record at the place that was read last: of a list it is one for all of its items. */
  let last: { readonly place: string; readonly places: readonly string[] } | undefined;
  const placesAt = (place: string): readonly string[] => {
    if (last?.place !== place) last = { place, places: rows.map(({ name }) => `${place}.${name}`) };
    return last.places;
  };
  return {
    write: (value, parts) => {
      const json: Record<string, unknown> = {};
      for (const { name, shape } of rows) {
        const member = (value as Record<string, unknown>)[name];
        if (member !== undefined) json[name] = shape.write(member, parts);
      }
      return json;
    },
    read: (json, parts, place) => {
      const object = objectAt(json, place);
      for (const name of Object.keys(object))
        if (!names.has(name)) throw new PortViolation(place, "no member beyond those of the contract");
      const places = placesAt(place);
      const value: Record<string, unknown> = {};
      for (const [at, { name, shape, isOptional }] of rows.entries()) {
        if (isOptional && object[name] === undefined) continue;
        value[name] = shape.read(object[name], parts, places[at] ?? place);
      }
      return value as Value;
    },
  };
}

/** Names of the other side's choosing. */
export function dictionary<Value>(
  value: Shape<Value>,
  entriesMax: number,
  nameCharactersMax: number,
): Shape<Readonly<Record<string, Value>>> {
  return {
    write: (entries, parts) =>
      Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, value.write(entry, parts)])),
    read: (json, parts, place) => {
      const entries = Object.entries(objectAt(json, place));
      if (entries.length > entriesMax || entries.some(([name]) => name.length > nameCharactersMax))
        throw new PortViolation(place, `at most ${entriesMax} entries`);
      return Object.fromEntries(
        entries.map(([name, entry]) => [name, value.read(entry, parts, `${place}.*`)]),
      );
    },
  };
}

type Kinded = { readonly kind: string };
/** One row for each member of a union that `kind` tells apart. */
export function union<Value extends Kinded>(
  rows: {
    readonly [Kind in Value["kind"]]: Shape<Omit<Extract<Value, { kind: Kind }>, "kind">>;
  },
): Shape<Value> {
  const table = rows as Readonly<Record<string, Shape<object>>>;
  return {
    write: (value, parts) => {
      const { kind, ...rest } = value;
      return { kind, ...(table[kind]?.write(rest, parts) as object) };
    },
    read: (json, parts, place) => {
      const { kind, ...rest } = objectAt(json, place);
      const row = typeof kind === "string" && Object.hasOwn(table, kind) ? table[kind] : undefined;
      if (row === undefined) throw new PortViolation(`${place}.kind`, "a known kind");
      return { kind, ...row.read(rest, parts, place) } as unknown as Value;
    },
  };
}

/** Tried in their order by what the value looks like, for answers that are a value or a refusal. */
export function either<Left, Right>(
  left: Shape<Left>,
  right: Shape<Right>,
  isRight: (value: unknown) => boolean,
): Shape<Left | Right> {
  return {
    write: (value, parts) =>
      isRight(value) ? right.write(value as Right, parts) : left.write(value as Left, parts),
    read: (json, parts, place) =>
      isRight(json) ? right.read(json, parts, place) : left.read(json, parts, place),
  };
}

export const nothing: Shape<undefined> = {
  write: () => null,
  read: (json, _parts, place) => {
    if (json !== null) throw new PortViolation(place, "nothing");
    return undefined;
  },
};

/**
 * JSON whose meaning others check: the policy compiler reads policies as it reads them from files, and a policy that does
 * not compile closes what it selects. Here only its outline is.
 */
export function document<Value extends object>(
  outline: (object: Record<string, unknown>) => boolean,
): Shape<Value> {
  return {
    write: (value) => value,
    read: (json, _parts, place) => {
      const object = objectAt(json, place);
      if (!outline(object)) throw new PortViolation(place, "a document of its kind");
      return object as Value;
    },
  };
}

export function objectAt(json: unknown, place: string): Record<string, unknown> {
  if (typeof json !== "object" || json === null || Array.isArray(json))
    throw new PortViolation(place, "an object");
  return json as Record<string, unknown>;
}
