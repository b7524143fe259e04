/** Puts one question to the policies of a configuration, as a gateway would, with a stock catalog in place of the live one. */
import type { Connection, ProtocolName } from "#core/api/kinds.gen.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { DEFAULT_NAMESPACE } from "#core/policy/connection-selector.ts";
import type { Caller, ConnectionRef, Facts, Request } from "#core/policy/facts.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { type StockVersion, stockCatalog } from "#core/statements/postgres/stock.ts";

export interface Question {
  readonly caller: Caller;
  readonly connection: ConnectionRef;
  readonly nowMs: number;
  /** Absent: whether a session may open at all. */
  readonly statement?: string;
  /** What is asked where it is no statement. */
  readonly request?: Request;
  readonly searchPath: readonly string[];
  readonly serverVersion: StockVersion;
}

/** As much of the parser's host as is needed here. */
export type Analyse = (text: string, context: SessionContext) => Promise<PostgresRequest>;

export const SEARCH_PATH_DEFAULT: readonly string[] = ["public"];

/** `loaded`: where it stands which protocol the connection speaks; one that is not there is taken for PostgreSQL's. */
export async function factsOf(question: Question, loaded: Loaded, analyse: Analyse): Promise<Facts> {
  const { caller, connection, nowMs, statement } = question;
  const opening = question.request ?? openingOf(protocolOf(connection, loaded) ?? "postgres");
  const request: Request = statement === undefined ? opening : await analyse(statement, contextOf(question));
  return { caller, connection, nowMs, request };
}

function protocolOf({ namespace, name }: ConnectionRef, { connections }: Loaded): ProtocolName | undefined {
  const isMeant = ({ metadata }: Connection): boolean =>
    metadata.name === name && (metadata.namespace ?? DEFAULT_NAMESPACE) === namespace;
  return connections.find(isMeant)?.spec.protocol;
}

/** A session in which nothing has happened yet. */
export function contextOf({
  searchPath,
  serverVersion,
}: Pick<Question, "searchPath" | "serverVersion">): SessionContext {
  return {
    searchPath,
    searchPathAfterTransaction: searchPath,
    // A text that is judged by itself comes from a session in which nothing was prepared or declared before.
    prepared: () => undefined,
    cursor: () => undefined,
    catalog: stockCatalog(serverVersion),
  };
}
