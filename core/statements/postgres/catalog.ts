/** What analysis must know of the database that it talks about. The gateway answers from the live catalog. */

/**
 * - `harmless`: every object that this name could mean (all overloads, on the whole search path) runs no code of a
 *   user, writes nothing, reads no relation, file or other session.
 * - `unknown`: something of that name exists and is not known to be harmless.
 * - `absent`: nothing of that name exists, or the catalog has not heard of it.
 */
export type Harm = "harmless" | "unknown" | "absent";

/**
 * A catalog object never changes its answers: what was found with it is remembered by it. When the database changes, or
 * more becomes known of it, the session gets another object.
 */
export interface Catalog {
  /** True when this is a snapshot of a stock catalog and not the database's own: say so to whoever asks. */
  readonly assumed: boolean;
  /** Why it knows less than it should, safe to show: the database's own catalog cannot be read. */
  readonly problem?: string;
  /** Undefined when this catalog cannot know, as the stock snapshot cannot for a user's schema. */
  hasRelation(schema: string, name: string): boolean | undefined;
  /** `schema` is undefined for an unqualified name; pg_catalog is searched first unless the path places it. */
  functionHarm(schema: string | undefined, name: string, searchPath: readonly string[]): Harm;
  operatorHarm(schema: string | undefined, name: string, searchPath: readonly string[]): Harm;
  typeHarm(schema: string | undefined, name: string, searchPath: readonly string[]): Harm;
}
