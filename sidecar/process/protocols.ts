/** Every protocol that this data plane speaks. A member of the Connection's enum without a row does not compile. */
import type { ProtocolName } from "#core/api/kinds.gen.ts";
import { kubernetesProtocol } from "../protocols/kubernetes/protocol.ts";
import { databaseCatalogs } from "../protocols/postgres/catalog/catalogs.ts";
import { memoryBudget } from "../protocols/postgres/long-row.ts";
import { postgresProtocol } from "../protocols/postgres/protocol.ts";
import type { Protocol } from "../protocols/protocol.ts";
import { tcpProtocol } from "../protocols/tcp/protocol.ts";
import type { Analyst } from "../statements/analyst.ts";

export interface Protocols extends AsyncDisposable {
  readonly of: Readonly<Record<ProtocolName, Protocol>>;
}

/** `heldRowsBytesMax`: of the process, for rows that are held back while a mask changes their length. */
export function openProtocols(analyst: Analyst, heldRowsBytesMax: number): Protocols {
  const catalogs = databaseCatalogs();
  const postgres = postgresProtocol({
    analyse: (text, context) => analyst.analyse(text, context),
    openCatalog: (opening) => catalogs.open(opening),
    budget: memoryBudget(heldRowsBytesMax),
  });
  return {
    of: {
      kubernetes: kubernetesProtocol(Date.now),
      postgres,
      tcp: tcpProtocol(),
    } satisfies Record<ProtocolName, Protocol>,
    [Symbol.asyncDispose]: () => catalogs[Symbol.asyncDispose](),
  };
}
