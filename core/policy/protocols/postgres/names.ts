/** What lists of name patterns say of a name. Rules are found by name before they are asked, so that a walk is enough. */
import type { NamePattern, PartPattern } from "./patterns.ts";

export interface Name {
  readonly schema: string;
  readonly name: string;
}

/** Stands in a place of a name for "every one that could be there". */
export const EVERY = "*";

/** One of the patterns is at least as wide as the name. */
export function coversName(patterns: readonly NamePattern[], { schema, name }: Name): boolean {
  for (const pattern of patterns) {
    if (coversPart(pattern.schema, schema) && coversPart(pattern.name, name)) return true;
  }
  return false;
}

/** Some object could be meant by both one of the patterns and the name. */
export function overlapsName(patterns: readonly NamePattern[], { schema, name }: Name): boolean {
  for (const pattern of patterns) {
    if (overlapsPart(pattern.schema, schema) && overlapsPart(pattern.name, name)) return true;
  }
  return false;
}

function coversPart(pattern: PartPattern, part: string): boolean {
  return pattern.kind === "any" || (part !== EVERY && pattern.text === part);
}

function overlapsPart(pattern: PartPattern, part: string): boolean {
  return pattern.kind === "any" || part === EVERY || pattern.text === part;
}
