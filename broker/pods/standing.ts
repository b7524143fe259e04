/** With whom above it a pod may ask for something. */
import type { Ancestor } from "#core/policy/facts.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import type { LivePod } from "./pods.ts";

/** A refusal where that cannot be told, and where an agent above has ended: nothing new is granted below it. */
export function ancestorsOf({ lineage }: Pick<LivePod, "lineage">): readonly Ancestor[] | Refusal {
  if (isRefusal(lineage)) return lineage;
  if (lineage.ended === undefined) return lineage.ancestors;
  return refusal(
    "LINEAGE_ENDED",
    `agent ${lineage.ended.name} above this pod has ended; nothing more is granted below it`,
  );
}
