/** A set of name patterns, quick to ask: exact names by map, the few wide ones one after the other. */
import type { NamePattern, PartPattern } from "./patterns.ts";

export interface NameSet {
  readonly exact: ReadonlyMap<string, ReadonlySet<string>>;
  readonly wide: readonly NamePattern[];
  readonly all: readonly NamePattern[];
}

/** Stands in a place of a name for "every one that could be there". */
const EVERY = "*";

export interface Name {
  readonly schema: string;
  readonly name: string;
}

export function nameSet(patterns: readonly NamePattern[]): NameSet {
  const exact = new Map<string, Set<string>>();
  const wide: NamePattern[] = [];
  for (const pattern of patterns) {
    if (pattern.schema.kind !== "exact" || pattern.name.kind !== "exact") {
      wide.push(pattern);
      continue;
    }
    const names = exact.get(pattern.schema.text) ?? new Set<string>();
    exact.set(pattern.schema.text, names.add(pattern.name.text));
  }
  return { exact, wide, all: patterns };
}

/** One pattern of the set is at least as wide as the name. */
export function coversName(set: NameSet, { schema, name }: Name): boolean {
  if (schema !== EVERY && name !== EVERY && set.exact.get(schema)?.has(name)) return true;
  for (const wide of set.wide) {
    if (coversPart(wide.schema, schema) && coversPart(wide.name, name)) return true;
  }
  return false;
}

/** Some object could be meant by both a pattern of the set and the name. */
export function overlapsName(set: NameSet, { schema, name }: Name): boolean {
  if (set.exact.get(schema)?.has(name)) return true;
  for (const wide of schema === EVERY || name === EVERY ? set.all : set.wide) {
    if (overlapsPart(wide.schema, schema) && overlapsPart(wide.name, name)) return true;
  }
  return false;
}

function coversPart(pattern: PartPattern, part: string): boolean {
  return part === EVERY ? pattern.kind === "any" : matchesPart(pattern, part);
}

function overlapsPart(pattern: PartPattern, part: string): boolean {
  return part === EVERY || matchesPart(pattern, part);
}

function matchesPart(pattern: PartPattern, part: string): boolean {
  return pattern.kind === "any" || pattern.text === part;
}
