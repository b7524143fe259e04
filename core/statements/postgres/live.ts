import type { Catalog, Harm } from "./catalog.ts";

/**
 * The first oid that a database gives to anything made after initdb: what is below came with PostgreSQL. Forks that bring
 * functions of their own below it are not known here, except that a name they add is absent and so needs a rule.
 */
export const FIRST_NORMAL_OID = 16_384;

export interface CatalogObject {
  readonly schema: string;
  readonly name: string;
}

/** Harmless may be code that only a superuser can bring, and a type that runs no code of a user. */
export type AddedObject = CatalogObject & { readonly harm?: Exclude<Harm, "absent"> };

/**
 * What one database has beyond the stock: objects whose oid is at least FIRST_NORMAL_OID, in whatever schema. A list that
 * is undefined could not be read: everything it might hold is unknown then.
 */
export interface DatabaseObjects {
  /** All relations of the database, the stock's too: what is not listed is known not to exist. */
  readonly relations: readonly CatalogObject[] | undefined;
  /** In schemas that the session has no USAGE of: names pass over them, until somebody grants it. */
  readonly withheld?: readonly CatalogObject[];
  /** Unknown unless it says otherwise. */
  readonly functions: readonly AddedObject[] | undefined;
  readonly operators: readonly AddedObject[] | undefined;
  readonly types: readonly AddedObject[] | undefined;
  /** Why a list is undefined; safe to show. */
  readonly problem?: string;
}

/**
 * A database as its own catalog describes it: the reviewed stock, and everything that was added to it. Code that was
 * added is unknown until a rule names it, and spoils a stock name that it shares where the path finds both.
 */
export function liveCatalog(stock: Catalog, objects: DatabaseObjects): Catalog {
  const relations = objects.relations === undefined ? undefined : new Set(objects.relations.map(keyOf));
  const withheld = new Set((objects.withheld ?? []).map(keyOf));
  const functions = harmsOf(objects.functions);
  const operators = harmsOf(objects.operators);
  const types = harmsOf(objects.types);
  return {
    assumed: false,
    ...(objects.problem === undefined ? {} : { problem: objects.problem }),
    hasRelation(schema, name) {
      const key = keyOf({ schema, name });
      return withheld.has(key) ? undefined : relations?.has(key);
    },
    functionHarm: (schema, name, path) =>
      worst([stock.functionHarm(schema, name, path), ...along(schema, name, path, functions)]),
    operatorHarm: (schema, name, path) =>
      worst([stock.operatorHarm(schema, name, path), ...along(schema, name, path, operators)]),
    typeHarm: (schema, name, path) =>
      worst([stock.typeHarm(schema, name, path), ...along(schema, name, path, types)]),
  };
}

/**
 * The same catalog while a transaction is open that has changed it: what became of relations can be seen by nobody else.
 * Only pg_catalog is as it was, as nobody can create there.
 */
export function unsettledCatalog(catalog: Catalog): Catalog {
  return {
    ...catalog,
    hasRelation: (schema, name) => (schema === "pg_catalog" ? catalog.hasRelation(schema, name) : undefined),
  };
}

type HarmOf = (object: CatalogObject) => Harm;

function harmsOf(objects: readonly AddedObject[] | undefined): HarmOf {
  if (objects === undefined) return () => "unknown";
  const harms = new Map(objects.map((object) => [keyOf(object), object.harm ?? "unknown"]));
  return (object) => harms.get(keyOf(object)) ?? "absent";
}

function along(
  schema: string | undefined,
  name: string,
  path: readonly string[],
  harmOf: HarmOf,
): readonly Harm[] {
  const schemas = schema === undefined ? ["pg_catalog", ...path] : [schema];
  return schemas.map((candidate) => harmOf({ schema: candidate, name }));
}

function worst(harms: readonly Harm[]): Harm {
  if (harms.includes("unknown")) return "unknown";
  return harms.includes("harmless") ? "harmless" : "absent";
}

/** No dot can be told from a separator otherwise: `"a.b".c` is not `a."b.c"`. */
export function keyOf({ schema, name }: CatalogObject): string {
  return JSON.stringify([schema, name]);
}
