/** A pod that was pinned before it was anybody's is put on record when it is; who was last above it is remembered here. */
import type { LivePod } from "#broker/pods/pods.ts";
import { isRefusal } from "#core/values/refusal.ts";
import type { Call } from "../../kube/client.ts";
import type { Pins } from "../pins.ts";

const REMEMBERED_MAX = 16_384;

export function notingAdoptions(
  pins: Pick<Pins, "noteLineage">,
): (pod: LivePod, call: Call) => Promise<void> {
  const noted = new Map<string, string>();
  return async (pod, call) => {
    const { lineage, claim } = pod;
    if (isRefusal(lineage) || !lineage.isAdoptable) return;
    const text = JSON.stringify(lineage.ancestors);
    if (noted.get(claim.uid) === text) return;
    await pins.noteLineage(pod, call);
    noted.set(claim.uid, text);
    const [oldest] = noted.keys();
    if (noted.size > REMEMBERED_MAX && oldest !== undefined) noted.delete(oldest);
  };
}
