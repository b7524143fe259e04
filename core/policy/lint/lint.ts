/** What a lint is: a question about a set of kinds that are valid, and may still not say what their author meant. */
import type { Path } from "../../api/located.ts";
import type { Loaded, PolicyId } from "../../api/loaded.ts";
import type { World } from "./world.ts";

export interface LintInput {
  readonly loaded: Loaded;
  readonly nowMs: number;
}

export interface Finding {
  readonly object: ObjectId;
  /** ["spec", "allow", "postgres", "tables"]; empty when the whole object is meant. */
  readonly path: Path;
  /** One or two sentences: what happens, and what to write instead. */
  readonly message: string;
}

export type ObjectId =
  | PolicyId
  | { readonly kind: "Connection"; readonly namespace?: string; readonly name: string };

export interface Lint {
  /** One line, for a list of all lints. */
  readonly title: string;
  /** Why it matters, and what a good answer looks like. */
  readonly why: string;
  readonly find: (world: World) => readonly Finding[];
  /**
   * YAML that the lint finds something in, and its twin that it has nothing to say about. Text without a `kind` is the
   * `spec` of a policy for the service account `shop/reporter` on the connection `shop/orders-db`; see example.ts.
   */
  readonly wrong: string;
  readonly right: string;
}
