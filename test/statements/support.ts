/** A session over the stock catalog, and facts as the one line that a case expects. */
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";

export const catalog = stockCatalog(18);

export function session(over: Partial<SessionContext> = {}): SessionContext {
  const searchPath = over.searchPath ?? ["public"];
  return {
    searchPath,
    searchPathAfterTransaction: searchPath,
    prepared: () => undefined,
    cursor: () => undefined,
    catalog,
    ...over,
  };
}

const CALL_WORDS = { function: "fn", operator: "op", type: "type" } as const;

export function statementItems(facts: StatementFacts): string[] {
  return [
    ...facts.accesses.map(({ verb, relation, unfiltered }) => {
      const name = relation === undefined ? "" : ` ${relation.schema}.${relation.name}`;
      return `${verb}${name}${unfiltered ? "!" : ""}`;
    }),
    ...facts.calls.map(({ kind, schemas, name }) => `${CALL_WORDS[kind]} ${schemas.join("|")}.${name}`),
    ...new Set(facts.doubts.map(({ code }) => `?${code}`)),
  ];
}

/** Items in a fixed order, so that the order in a case is the author's choice. */
export function described(request: PostgresRequest): string {
  if (request.statements.length === 0) return "nothing";
  return request.statements.map((facts) => line(facts.class, statementItems(facts))).join("; ");
}

export function inOrder(expected: string): string {
  if (expected === "nothing") return expected;
  const statements = expected.split("; ").map((statement) => {
    const colon = statement.indexOf(":");
    const items = statement
      .slice(colon + 1)
      .split(", ")
      .map((item) => item.trim());
    return line(
      statement.slice(0, colon),
      items.filter((item) => item !== ""),
    );
  });
  return statements.join("; ");
}

const line = (kind: string, items: readonly string[]): string =>
  `${kind}: ${[...items].sort().join(", ")}`.trim();
