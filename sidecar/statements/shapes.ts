/**
 * Remembers what was found in texts that differ in their literals alone. A literal that analysis has looked at is part of
 * what a text is known by; the others are not.
 */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { literalsThatCount, withoutPlaces } from "#core/statements/postgres/shape-literals.ts";
import type { Shape } from "#core/statements/postgres/shape.ts";
import type { ParseTree } from "#core/statements/postgres/tree.ts";
import { factsCache } from "./cache.ts";

/** More shapes than a program has statements are no shapes. */
const SHAPES_MAX = 1_024;

export interface Analysed {
  readonly tree: ParseTree;
  readonly request: PostgresRequest;
}

export interface ShapeCache {
  get(text: string, shape: Shape, context: SessionContext): PostgresRequest | undefined;
  /** The request that all texts of the shape have; undefined when it is this one text's own. */
  set(text: string, shape: Shape, context: SessionContext, analysed: Analysed): PostgresRequest | undefined;
}

export function shapeCache(generationBytesMax: number): ShapeCache {
  const cache = factsCache(generationBytesMax);
  /** Of each shape the literals that have ever counted. Too many of them only make a text known by more than it needs. */
  const counting = new Map<string, ReadonlySet<number>>();

  return {
    get(text, shape, context) {
      const numbers = counting.get(shape.key);
      return numbers === undefined ? undefined : cache.get(nameOf(text, shape, numbers), context);
    },
    set(text, shape, context, { tree, request }) {
      const found = literalsThatCount(tree, request, text, shape);
      if (found === undefined || found.size === shape.literals.length) return undefined;
      const numbers = new Set([...(counting.get(shape.key) ?? []), ...found]);
      if (counting.size >= SHAPES_MAX) counting.clear();
      counting.set(shape.key, numbers);
      const shared = withoutPlaces(request);
      cache.set(nameOf(text, shape, numbers), context, shared);
      return shared;
    },
  };
}

/** What stands between the parts is in no shaped text. */
function nameOf(text: string, { key, literals }: Shape, numbers: ReadonlySet<number>): string {
  if (numbers.size === 0) return key;
  let name = key;
  for (const [number, { start, end }] of literals.entries())
    if (numbers.has(number)) name += `\u0004${text.slice(start, end)}`;
  return name;
}
