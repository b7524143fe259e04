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

/** What one database has beyond the stock: objects whose oid is at least FIRST_NORMAL_OID, in whatever schema. */
export interface DatabaseObjects {
  /** All relations of the database, the stock's too: what is not listed is known not to exist. */
  readonly relations: readonly CatalogObject[];
  readonly functions: readonly CatalogObject[];
  readonly operators: readonly CatalogObject[];
  /** Harmless may be a type that runs no code of a user: an enum, when no cast from or to it has a function of theirs. */
  readonly types: readonly (CatalogObject & { readonly harm: Exclude<Harm, "absent"> })[];
}

/**
 * A database as its own catalog describes it: the reviewed stock, and everything that was added to it. Code that was
 * added is unknown until a rule names it, and spoils a stock name that it shares where the path finds both.
 */
export function liveCatalog(stock: Catalog, objects: DatabaseObjects): Catalog {
  const relations = new Set(objects.relations.map(keyOf));
  const functions = new Set(objects.functions.map(keyOf));
  const operators = new Set(objects.operators.map(keyOf));
  const types = new Map(objects.types.map((type) => [keyOf(type), type.harm]));
  const added = (keys: ReadonlySet<string>) => (object: CatalogObject) =>
    keys.has(keyOf(object)) ? "unknown" : "absent";
  return {
    assumed: false,
    hasRelation: (schema, name) => relations.has(keyOf({ schema, name })),
    functionHarm: (schema, name, path) =>
      worst([stock.functionHarm(schema, name, path), ...along(schema, name, path, added(functions))]),
    operatorHarm: (schema, name, path) =>
      worst([stock.operatorHarm(schema, name, path), ...along(schema, name, path, added(operators))]),
    typeHarm: (schema, name, path) =>
      worst([
        stock.typeHarm(schema, name, path),
        ...along(schema, name, path, (type) => types.get(keyOf(type)) ?? "absent"),
      ]),
  };
}

function along(
  schema: string | undefined,
  name: string,
  path: readonly string[],
  harmOf: (object: CatalogObject) => Harm,
): readonly Harm[] {
  const schemas = schema === undefined ? ["pg_catalog", ...path] : [schema];
  return schemas.map((candidate) => harmOf({ schema: candidate, name }));
}

function worst(harms: readonly Harm[]): Harm {
  if (harms.includes("unknown")) return "unknown";
  return harms.includes("harmless") ? "harmless" : "absent";
}

/** No dot can be told from a separator otherwise: `"a.b".c` is not `a."b.c"`. */
function keyOf({ schema, name }: CatalogObject): string {
  return JSON.stringify([schema, name]);
}
