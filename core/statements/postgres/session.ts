import type { Catalog } from "./catalog.ts";
import type { StatementFacts } from "./facts.ts";

/** The session state that gives a text its meaning. Read at the moment the request is judged. */
export interface SessionContext {
  /** Effective schemas in order, without the implicit pg_temp and pg_catalog. */
  readonly searchPath: readonly string[];
  /** What the path returns to when the open transaction ends; the same list outside one. */
  readonly searchPathAfterTransaction: readonly string[];
  /**
   * The facts must be those under the current search path: PostgreSQL analyses a prepared statement anew when the path
   * or a relation has changed since.
   */
  readonly prepared: (name: string) => StatementFacts | undefined;
  readonly cursor: (name: string) => StatementFacts | undefined;
  readonly catalog: Catalog;
}
