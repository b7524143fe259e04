/**
 * Remembers what was found in texts that differ in their literals alone. A literal that analysis has looked at is part of
 * what a text is known by; the others are not.
 */
import { randomBytes } from "node:crypto";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { type Shape, shapeOf } from "#core/statements/postgres/known-shape.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { literalsThatCount, withoutPlaces } from "#core/statements/postgres/shape-literals.ts";
import { ShapeReader } from "#core/statements/postgres/shape.ts";
import type { ParseTree } from "#core/statements/postgres/tree.ts";
import { factsCache } from "./cache.ts";

/** More shapes than a program has statements are no shapes. */
const SHAPES_MAX = 1_024;

export interface Analysed {
  readonly tree: ParseTree;
  readonly request: PostgresRequest;
}

export interface ShapeCache {
  get(text: Buffer, context: SessionContext): PostgresRequest | undefined;
  /** The request that all texts of the shape have; undefined when it is this one text's own. */
  set(text: Buffer, context: SessionContext, analysed: Analysed): PostgresRequest | undefined;
}

interface Known {
  readonly shape: Shape;
  /** Its literals that have ever counted, by their numbers. Too many of them only make a text known by more than it needs. */
  readonly counting: readonly number[];
}

export function shapeCache(generationBytesMax: number): ShapeCache {
  const cache = factsCache(generationBytesMax);
  const reader = new ShapeReader(randomBytes(4).readInt32LE());
  /** By the hash of the shape. Of two shapes of one hash the later one is known. */
  const shapes = new Map<number, Known>();

  return {
    get(text, context) {
      if (!reader.read(text)) return undefined;
      const known = shapes.get(reader.hash);
      if (known === undefined || !known.shape.isOf(text, reader)) return undefined;
      return cache.get(nameOf(known, text, reader), context);
    },
    set(text, context, { tree, request }) {
      const shape = shapeOf(text, reader);
      if (shape === undefined) return undefined;
      const found = literalsThatCount(tree, request, text.toString("latin1"), shape);
      if (found === undefined || found.size === shape.literals.length) return undefined;
      const before = shapes.get(shape.hash);
      const isKnown = before?.shape.isOf(text, reader) === true;
      const numbers = new Set([...(isKnown ? before.counting : []), ...found]);
      const known = { shape, counting: [...numbers].sort(byNumber) };
      if (shapes.size >= SHAPES_MAX) shapes.clear();
      shapes.set(shape.hash, known);
      const shared = withoutPlaces(request);
      cache.set(nameOf(known, text, reader), context, shared);
      return shared;
    },
  };
}

/** With the number of each, so that it says the same whatever else has counted meanwhile. What stands between the parts is in no shaped text. */
function nameOf({ shape, counting }: Known, text: Buffer, { starts, ends }: ShapeReader): string {
  let name = shape.key;
  for (const number of counting)
    name += `\u0004${number}\u0004${text.toString("latin1", starts[number], ends[number])}`;
  return name;
}

const byNumber = (one: number, other: number): number => one - other;
