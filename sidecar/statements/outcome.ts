/** From the parser's bytes to what analysis takes. */
import type { ParseOutcome } from "#core/statements/postgres/parser.ts";
import type { ParseTree } from "#core/statements/postgres/tree.ts";
import type { InstanceOutcome } from "./instance.ts";

/** Said of a text that the parser could not stand. */
export const BROKE: ParseOutcome = { code: "TOO_DEEP", text: "is more than the parser can follow" };

export function outcomeOf(outcome: InstanceOutcome): ParseOutcome {
  if ("json" in outcome) return { tree: JSON.parse(outcome.json) as ParseTree };
  if ("treeTooLarge" in outcome) return { code: "TOO_LARGE", text: "has a larger tree than analysis takes" };
  // PostgreSQL's own message may quote the text, and the text may hold a secret: only the place is told.
  return { code: "SYNTAX_ERROR", text: `PostgreSQL's parser refuses it at byte ${outcome.offsetBytes + 1}` };
}
