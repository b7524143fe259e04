/** Finds the masks of a result that is under way. */
import { readRowDescription } from "#core/wire/postgres/messages.ts";
import type { ColumnMask } from "#core/policy/decision.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { SessionCore } from "./core.ts";
import type { Slot } from "./expected.ts";
import type { ColumnActions } from "./masking.ts";
import { type RowMask, rowMask } from "./rows.ts";

export interface FoundMask {
  readonly mask: RowMask | undefined;
  /** What it was found for: by the time it is used others may be in force. */
  readonly masks: readonly ColumnMask[];
}

/** No row of the slot may leave before. */
export function maskFor(core: SessionCore, slot: Slot): FoundMask | Refusal | Promise<FoundMask | Refusal> {
  const description = slot.description ?? slot.statement?.description ?? undefined;
  // Masks came into force in the middle of a result that nobody described: what its columns are cannot be told any more.
  if (description === undefined) return refusal("POLICY_CHANGED");
  const facts = slot.asked === "query" ? slot.facts?.statements[slot.completed] : slot.facts?.statements[0];
  return maskOf(core, description, facts);
}

/** What a result of this description shows of the masked columns. */
export function maskOf(
  core: SessionCore,
  description: Buffer,
  facts: StatementFacts | undefined,
): FoundMask | Refusal | Promise<FoundMask | Refusal> {
  const known = facts === undefined ? undefined : core.foundMasks.get(facts);
  if (known !== undefined && holds(known, core, description)) return known;
  const columns = readRowDescription(description, 0, description.length);
  const { masks } = core;
  const { version } = core.parts.catalog;
  const finish = (found: ColumnActions | Refusal): FoundMask | Refusal => {
    if (isRefusal(found)) return found;
    const mask = rowMask(columns, found);
    // A copy: the description is a part of whatever it came in.
    const kept = { mask, description: Buffer.from(description), masks, version };
    if (facts !== undefined && version === core.parts.catalog.version) core.foundMasks.set(facts, kept);
    return kept;
  };
  const actions = core.parts.catalog.columns.actions(columns, facts, masks);
  return actions instanceof Promise ? actions.then(finish) : finish(actions);
}

/** Found for this very description, these masks and this catalog: what it was made from is what there is now. */
export interface KeptMask extends FoundMask {
  readonly description: Buffer;
  readonly version: number;
}

function holds(known: KeptMask, { masks, parts }: SessionCore, description: Buffer): boolean {
  return (
    known.masks === masks && known.version === parts.catalog.version && known.description.equals(description)
  );
}
