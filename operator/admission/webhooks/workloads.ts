/** What makes pods: it is put on record who made it, and that stays. */
import { originOf } from "../origin/origin.ts";
import { type Stampable, checkOrigin, checkOriginUnchanged, keepOrigin, stamp } from "../origin/stamp.ts";
import { STAMPED_WORKLOADS } from "../origin/workloads.ts";
import { jsonPatch } from "../pod/json-patch.ts";
import type { Review } from "../server/review.ts";
import type { Webhook } from "../server/webhook.ts";
import { verdictOn } from "./pods.ts";

export const mutateWorkloads: Webhook = {
  isFor: isWorkload,
  judge: async ({ operation, object = {}, oldObject = {}, userInfo }) => {
    if (operation === "UPDATE") {
      const kept = keepOrigin(object as Stampable, oldObject as Stampable);
      return { outcome: "allowed", patch: jsonPatch(object, kept) };
    }
    const read = originOf(userInfo);
    if (read.outcome === "refused")
      return verdictOn([{ field: "metadata.annotations", rule: "origin", message: read.reason }]);
    return { outcome: "allowed", patch: jsonPatch(object, stamp(object as Stampable, read.origin)) };
  },
};

export const validateWorkloads: Webhook = {
  isFor: isWorkload,
  judge: async ({ operation, object = {}, oldObject = {}, userInfo }) =>
    verdictOn(
      operation === "UPDATE" ? checkOriginUnchanged(object, oldObject) : checkOrigin(object, userInfo),
    ),
};

function isWorkload({ group, resource, subResource, operation }: Review): boolean {
  return (
    subResource === "" &&
    (operation === "CREATE" || operation === "UPDATE") &&
    STAMPED_WORKLOADS.some((each) => each.group === group && each.plural === resource)
  );
}
