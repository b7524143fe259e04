import { type CatalogObject, liveCatalog } from "#core/statements/postgres/live.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { TABLES } from "./grammar.ts";

const objects = (...names: readonly string[]): readonly CatalogObject[] =>
  names.map((text) => {
    const [schema = "", name = ""] = text.split(".");
    return { schema, name };
  });

/** test/statements/schema.sql as a catalog, for tests that need no server. */
export const TEST_CATALOG = liveCatalog(stockCatalog(18), {
  relations: objects(...Object.keys(TABLES), "public.order_numbers", "app.settings", "pg_catalog.pg_class"),
  functions: objects("public.leak", "public.touch_customer", "public.purge", "public.lower", "public.same"),
  operators: objects("public.==="),
  types: [
    ...objects("public.mood").map((type) => ({ ...type, harm: "harmless" }) as const),
    ...objects("public.positive", ...Object.keys(TABLES)).map(
      (type) => ({ ...type, harm: "unknown" }) as const,
    ),
  ],
});
