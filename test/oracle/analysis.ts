import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";

export interface Analysis extends AsyncDisposable {
  of(sql: string, searchPath: readonly string[]): Promise<readonly StatementFacts[]>;
}

/** The analysis that the gateway runs, with its real parser, in a session that has prepared nothing. */
export function openAnalysis(catalog: Catalog): Analysis {
  const analyst = openAnalyst();
  return {
    async of(sql, searchPath) {
      const nothing = (): undefined => undefined;
      const session = {
        searchPath,
        searchPathAfterTransaction: searchPath,
        prepared: nothing,
        cursor: nothing,
        catalog,
      };
      return (await analyst.analyse(sql, session)).statements;
    },
    [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
  };
}
