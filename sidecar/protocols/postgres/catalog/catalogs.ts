/** The catalogs of all databases that one process talks to. */
import { STOCK_VERSIONS, stockCatalog } from "#core/statements/postgres/stock.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { SessionCatalog } from "../masking.ts";
import type { CatalogOpening } from "../protocol.ts";
import { LiveCatalog } from "./session-catalog.ts";
import { CATALOG_SETTINGS, type CatalogSettings } from "./settings.ts";
import { type Pool, type ServerFacts, SharedCatalog } from "./shared.ts";

export interface DatabaseCatalogs extends AsyncDisposable {
  /** Opens no connection yet: that is left to the first text that needs it. */
  open(opening: CatalogOpening): Promise<SessionCatalog | Refusal>;
}

/** One for each process or worker. */
export function databaseCatalogs(options: Partial<CatalogSettings> = {}): DatabaseCatalogs {
  const settings = { ...CATALOG_SETTINGS, ...options };
  const shared = new Map<string, SharedCatalog>();
  const pool: Pool = new Map();

  const forget = (): void => {
    for (const [key, each] of shared)
      if (performance.now() - each.leftMs >= settings.keepMs) shared.delete(key);
    for (const [digest, reading] of pool) if (reading.deref() === undefined) pool.delete(digest);
  };
  const sweep = setInterval(forget, Math.max(settings.keepMs / 2, 1_000));
  sweep.unref();

  return {
    open(opening) {
      const server = serverFacts(opening.parameters.get("server_version") ?? "");
      if (server === undefined)
        return Promise.resolve(
          refusal("NOT_SUPPORTED", `the upstream is older than PostgreSQL ${STOCK_VERSIONS[0]}`),
        );
      const key = keyOf(opening);
      const known = shared.get(key) ?? new SharedCatalog(server, settings, pool);
      shared.set(key, known);
      return Promise.resolve(new LiveCatalog(known, server.stock, opening));
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep);
      await Promise.all([...shared.values()].map((each) => each.dispose()));
      shared.clear();
    },
  };
}

/** Another version is another catalog, also where an upgrade keeps the address. */
function keyOf({ target, parameters }: CatalogOpening): string {
  const { address, postgres } = target.connection.spec;
  const version = parameters.get("server_version");
  return JSON.stringify([address.host, address.port, postgres?.database, target.lease.user, version]);
}

/** `18.4`, `19beta1`, `16.3 (Debian 16.3-1)`; undefined when there is no stock that could be right. */
function serverFacts(version: string): ServerFacts | undefined {
  const major = Number.parseInt(version, 10);
  const exact = STOCK_VERSIONS.find((each) => each === major);
  if (exact !== undefined) return { stock: stockCatalog(exact), isNewer: false };
  const newest = STOCK_VERSIONS.at(-1);
  return newest !== undefined && major > newest ? { stock: stockCatalog(newest), isNewer: true } : undefined;
}
