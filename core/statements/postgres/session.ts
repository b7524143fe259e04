import type { Catalog } from "./catalog.ts";
import type { StatementFacts } from "./facts.ts";

/** The session state that gives a text its meaning. Read at the moment the request is judged. */
export interface SessionContext {
  /** Effective schemas in order, without the implicit pg_temp and pg_catalog. */
  readonly searchPath: readonly string[];
  /** What the path returns to when the open transaction ends; the same list outside one. */
  readonly searchPathAfterTransaction: readonly string[];
  readonly prepared: (name: string) => StatementFacts | undefined;
  readonly cursor: (name: string) => StatementFacts | undefined;
  readonly catalog: Catalog;
}
