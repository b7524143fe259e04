/** Finds the masks of a result that is under way. */
import { readRowDescription } from "#core/wire/postgres/messages.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { SessionCore } from "./core.ts";
import type { Slot } from "./expected.ts";
import type { ColumnActions } from "./masking.ts";
import { type RowMask, rowMask } from "./rows.ts";

export interface FoundMask {
  readonly mask: RowMask | undefined;
}

/** No row of the slot may leave before. */
export function maskFor(core: SessionCore, slot: Slot): FoundMask | Refusal | Promise<FoundMask | Refusal> {
  const description = slot.description ?? slot.statement?.description ?? undefined;
  // Masks came into force in the middle of a result that nobody described: what its columns are cannot be told any more.
  if (description === undefined) return refusal("POLICY_CHANGED");
  const columns = readRowDescription(description, 0, description.length);
  const facts = slot.asked === "query" ? slot.facts?.statements[slot.completed] : slot.facts?.statements[0];
  const actions = core.parts.catalog.columns.actions(columns, facts, core.masks);
  const finish = (found: ColumnActions | Refusal): FoundMask | Refusal =>
    isRefusal(found) ? found : { mask: rowMask(columns, found) };
  return actions instanceof Promise ? actions.then(finish) : finish(actions);
}
