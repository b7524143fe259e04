/** `deployments.apps/scale`, `pods`, `*.batch`, `*`; and names with a star at their end. */
import type { Report } from "../../shape.ts";

export interface ResourcePattern {
  /** `*`: every one. */
  readonly resource: string;
  /** `*`: every one; empty: the core group. */
  readonly group: string;
  /** Undefined: the resource itself and, where that is a star, its subresources too. */
  readonly subresource: string | undefined;
}

export const EVERY = "*";

const RESOURCE = /^(\*|[a-z0-9][a-z0-9-]*)(?:\.(\*|[a-z0-9][a-z0-9.-]*))?(?:\/(\*|[a-z0-9][a-z0-9-]*))?$/;

export function parseResource(text: string, path: string, report: Report): ResourcePattern | undefined {
  const [, resource, group, subresource] = RESOURCE.exec(text) ?? [];
  if (resource === undefined) {
    report(path, "must be a resource like `pods`, `deployments.apps/scale`, `*.batch` or `*`");
    return undefined;
  }
  return { resource, group: group ?? (resource === EVERY ? EVERY : ""), subresource };
}

/** Exact, or everything that begins so. */
export interface NamePattern {
  readonly text: string;
  readonly isPrefix: boolean;
}

export function namePattern(text: string): NamePattern {
  return text.endsWith(EVERY) ? { text: text.slice(0, -1), isPrefix: true } : { text, isPrefix: false };
}

export function matchesName(patterns: readonly NamePattern[], name: string): boolean {
  return patterns.some(({ text, isPrefix }) => (isPrefix ? name.startsWith(text) : name === text));
}

/** Of one resource, without regard to what has to be named. */
export function matchesResource(
  pattern: ResourcePattern,
  act: { readonly group: string; readonly resource: string; readonly subresource?: string },
): boolean {
  if (pattern.group !== EVERY && pattern.group !== act.group) return false;
  if (pattern.resource !== EVERY && pattern.resource !== act.resource) return false;
  if (pattern.subresource === undefined) return pattern.resource === EVERY || act.subresource === undefined;
  if (act.subresource === undefined) return false;
  return pattern.subresource === EVERY || pattern.subresource === act.subresource;
}
