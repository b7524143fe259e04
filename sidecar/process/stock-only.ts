/** A session's catalog that knows what PostgreSQL brings along and nothing of the database: what is not known is not masked but refused. */
import { type StockVersion, STOCK_VERSIONS, stockCatalog } from "#core/statements/postgres/stock.ts";
import type { SessionCatalog } from "../protocols/postgres/masking.ts";
import { resolverByOrigin } from "../protocols/postgres/origins.ts";
import type { CatalogOpening } from "../protocols/postgres/protocol.ts";

export function openStockCatalog({ parameters }: CatalogOpening): Promise<SessionCatalog> {
  const major = Number.parseInt(parameters.get("server_version") ?? "", 10);
  const version: StockVersion = STOCK_VERSIONS.find((known) => known === major) ?? 18;
  return Promise.resolve({
    names: stockCatalog(version),
    columns: resolverByOrigin(() => undefined),
    version: 0,
    changed: () => undefined,
    transactionEnded: () => undefined,
    ready: () => undefined,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
}
