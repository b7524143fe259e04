import type { Catalog, Harm } from "./catalog.ts";
import { STOCK_FUNCTIONS, STOCK_OPERATORS, STOCK_RELATIONS, STOCK_TYPES } from "./stock-names.gen.ts";

export const STOCK_VERSIONS = [15, 16, 17, 18] as const;
export type StockVersion = (typeof STOCK_VERSIONS)[number];

/**
 * What a database of that version holds before anyone adds to it, for work without a connection. It assumes that no
 * schema of a user shadows a stock name: `public.lower(varchar)` would run instead of pg_catalog's, and this catalog
 * cannot know. Hence `assumed`.
 */
export function stockCatalog(version: StockVersion): Catalog {
  const known = catalogs.get(version);
  if (known !== undefined) return known;
  const made = makeCatalog(version);
  catalogs.set(version, made);
  return made;
}

const catalogs = new Map<StockVersion, Catalog>();

const STOCK_SCHEMAS: readonly string[] = ["pg_catalog", "information_schema"];

/** Names by the versions that have them, as the generator writes them. */
type Grouped = Readonly<Record<string, string>>;
type Judgement = ReadonlyMap<string, Harm>;

function makeCatalog(version: StockVersion): Catalog {
  const functions = judgementOf(STOCK_FUNCTIONS, version);
  const operators = judgementOf(STOCK_OPERATORS, version);
  const types = judgementOf(STOCK_TYPES, version);
  const relations = new Set(namesIn(STOCK_RELATIONS, version));
  return {
    assumed: true,
    hasRelation: (schema, name) =>
      STOCK_SCHEMAS.includes(schema) ? relations.has(keyOf(schema, name)) : undefined,
    functionHarm: (schema, name, searchPath) => lookUp(functions, schema, name, searchPath),
    operatorHarm: (schema, name, searchPath) => lookUp(operators, schema, name, searchPath),
    typeHarm: (schema, name, searchPath) => lookUp(types, schema, name, searchPath),
  };
}

/** Every stock schema that the name could come from has a say: one that is not harmless spoils it. */
function lookUp(
  judgement: Judgement,
  schema: string | undefined,
  name: string,
  searchPath: readonly string[],
): Harm {
  const schemas = schema === undefined ? ["pg_catalog", ...searchPath] : [schema];
  const found = schemas
    .filter((candidate) => STOCK_SCHEMAS.includes(candidate))
    .map((candidate) => judgement.get(keyOf(candidate, name)) ?? "absent")
    .filter((harm) => harm !== "absent");
  if (found.length === 0) return "absent";
  return found.every((harm) => harm === "harmless") ? "harmless" : "unknown";
}

function judgementOf(table: { harmless: Grouped; unknown: Grouped }, version: StockVersion): Judgement {
  return new Map<string, Harm>([
    ...namesIn(table.harmless, version).map((name) => [name, "harmless"] as const),
    ...namesIn(table.unknown, version).map((name) => [name, "unknown"] as const),
  ]);
}

function namesIn(grouped: Grouped, version: StockVersion): string[] {
  return Object.entries(grouped)
    .filter(([versions]) => versions.split(" ").includes(String(version)))
    .flatMap(([, names]) => names.split(" "));
}

/** A dot cannot come from a stock name, so that the key of `information_schema.x` is only that. */
function keyOf(schema: string, name: string): string {
  if (schema === "pg_catalog") return name.includes(".") ? "" : name;
  return `${schema}.${name}`;
}
