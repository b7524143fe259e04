/** Every protocol that this data plane speaks. A member of the Connection's enum without a row does not compile. */
import type { ProtocolName } from "#core/api/kinds.gen.ts";
import { memoryBudget } from "../protocols/postgres/long-row.ts";
import { postgresProtocol } from "../protocols/postgres/protocol.ts";
import type { Protocol } from "../protocols/protocol.ts";
import type { Analyst } from "../statements/analyst.ts";
import { openStockCatalog } from "./stock-only.ts";

/** Of the process: rows that are held back while a mask changes their length. */
const HELD_ROWS_BYTES_MAX = 256 * 1024 * 1024;

export function openProtocols(analyst: Analyst): Readonly<Record<ProtocolName, Protocol>> {
  const postgres = postgresProtocol({
    analyse: (text, context) => analyst.analyse(text, context),
    openCatalog: openStockCatalog,
    budget: memoryBudget(HELD_ROWS_BYTES_MAX),
  });
  return { postgres } satisfies Record<ProtocolName, Protocol>;
}
