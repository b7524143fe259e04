/** A document as it was written: values that know where in the file they stand. Nothing is interpreted yet. */

export type PathSegment = string | number;
export type Path = readonly PathSegment[];

export interface LocatedScalar {
  readonly kind: "scalar";
  readonly start: number;
  readonly text: string;
  /** Not quoted and no block: its type is read from its text. */
  readonly plain: boolean;
}

export interface LocatedEntry {
  readonly key: string;
  readonly keyStart: number;
  readonly keyPlain: boolean;
  readonly value: Located;
}

export interface LocatedMap {
  readonly kind: "map";
  readonly start: number;
  /** A key that stands twice is here once; the second is a finding. */
  readonly entries: readonly LocatedEntry[];
  /** Some entry was refused, so nothing can be said about what is missing. */
  readonly damaged: boolean;
}

export interface LocatedList {
  readonly kind: "list";
  readonly start: number;
  readonly items: readonly Located[];
}

/** Stands where something was refused, so that nothing else is said about it. */
export interface LocatedHole {
  readonly kind: "hole";
  readonly start: number;
}

export type Located = LocatedScalar | LocatedMap | LocatedList | LocatedHole;

export function entryOf(node: Located | undefined, key: string): LocatedEntry | undefined {
  return node?.kind === "map" ? node.entries.find((entry) => entry.key === key) : undefined;
}

/** Where the last part of the path that exists stands: the key of a field, an item of a list. */
export function offsetOf(root: Located, path: Path): number {
  let node: Located | undefined = root;
  let start = root.start;
  for (const segment of path) {
    const entry: LocatedEntry | undefined = typeof segment === "string" ? entryOf(node, segment) : undefined;
    const item: Located | undefined =
      typeof segment === "number" && node?.kind === "list" ? node.items[segment] : undefined;
    node = entry?.value ?? item;
    if (node === undefined) return start;
    start = entry?.keyStart ?? node.start;
  }
  return start;
}

const PLAIN_SEGMENT = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** `spec.allow[0].postgres`, `metadata.labels["example.com/tier"]`. */
export function pathText(path: Path): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (!PLAIN_SEGMENT.test(segment)) text += `[${quoted(segment)}]`;
    else text += text === "" ? segment : `.${segment}`;
  }
  return text;
}

/** The author's words in a message: short, and harmless to a terminal. */
export function quoted(text: string, charactersMax = 60): string {
  const characters = [...text];
  const short = characters.length > charactersMax ? `${characters.slice(0, charactersMax).join("")}…` : text;
  return JSON.stringify(short).replaceAll(UNPRINTABLE, (found) => {
    return `\\u${(found.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
  });
}

/** C1 controls, line separators, and the marks that make text read in another order than it is written. */
const UNPRINTABLE = /[\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;
