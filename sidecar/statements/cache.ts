/**
 * Remembers what was found in a text, by its exact bytes, for each catalog and search path. A catalog never changes its
 * answers (see `Catalog`), so a changed database is another catalog and finds nothing here; what was kept for the old
 * one ages out.
 *
 * Two generations: when the young one is full the old one is dropped. What is still in use moves back to the young.
 */
import { factsBytes } from "#core/statements/postgres/facts-bytes.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";

export const GENERATION_BYTES_MAX = 8 * 1024 * 1024;
/** Longer texts are bulk writes, each its own, and not worth a look. */
export const CACHED_TEXT_BYTES_MAX = 16 * 1024;

type Shelf = Map<string, PostgresRequest>;

export interface FactsCache {
  get(text: string, context: SessionContext): PostgresRequest | undefined;
  set(text: string, context: SessionContext, request: PostgresRequest): void;
}

export function factsCache(generationBytesMax = GENERATION_BYTES_MAX): FactsCache {
  const names = new WeakMap<object, number>();
  let catalogs = 0;
  let young = new Map<string, Shelf>();
  let old = new Map<string, Shelf>();
  let youngBytes = 0;
  // Sessions take turns, and each comes with the same context as before.
  const shelves = new WeakMap<SessionContext, string>();

  const shelfName = (context: SessionContext): string => {
    const known = shelves.get(context);
    if (known !== undefined) return known;
    let catalog = names.get(context.catalog);
    if (catalog === undefined) names.set(context.catalog, (catalog = ++catalogs));
    const name = JSON.stringify([catalog, context.searchPath, context.searchPathAfterTransaction]);
    shelves.set(context, name);
    return name;
  };

  const keep = (name: string, text: string, request: PostgresRequest): void => {
    const bytes = text.length + factsBytes(request.statements);
    if (youngBytes + bytes > generationBytesMax) {
      old = young;
      young = new Map();
      youngBytes = 0;
    }
    let shelf = young.get(name);
    if (shelf === undefined) young.set(name, (shelf = new Map()));
    shelf.set(text, request);
    youngBytes += bytes;
  };

  return {
    get(text, context) {
      const name = shelfName(context);
      const found = young.get(name)?.get(text);
      if (found !== undefined) return found;
      const aged = old.get(name)?.get(text);
      if (aged !== undefined) keep(name, text, aged);
      return aged;
    },
    set(text, context, request) {
      keep(shelfName(context), text, request);
    },
  };
}
