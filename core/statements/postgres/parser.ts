/** What analysis needs of a parser. The one there is lives in `sidecar/statements`, because it has memory and threads. */
import type { DoubtCode } from "./facts.ts";
import type { ParseTree } from "./tree.ts";

export type ParseOutcome =
  | { readonly tree: ParseTree }
  /** The text has no tree: PostgreSQL refuses it too, or it is more than we take. */
  | { readonly code: DoubtCode; readonly text: string };

export interface StatementParser extends AsyncDisposable {
  /**
   * `bytes` are UTF-8 without NUL. `aside` is for a text that might hold up the others or break the parser: it is
   * parsed on another thread, under a deadline. Answers at once where it can.
   */
  parse(bytes: Uint8Array, aside: boolean): ParseOutcome | Promise<ParseOutcome>;
}
