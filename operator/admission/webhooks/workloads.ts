/** What makes pods: it is put on record who made it, and that stays. */
import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject } from "@kubernetes/client-node";
import { originOf } from "../origin/origin.ts";
import { type Stampable, checkOrigin, checkOriginUnchanged, keepOrigin, stamp } from "../origin/stamp.ts";
import { STAMPED_WORKLOADS } from "../origin/workloads.ts";
import { jsonPatch } from "../pod/json-patch.ts";
import { templateFindings, templateOf } from "../pod/template.ts";
import type { Review } from "../server/review.ts";
import { ClusterUnavailable, type Webhook } from "../server/webhook.ts";
import { type PodWebhookOptions, verdictOn } from "./pods.ts";
import { surroundingsOf } from "./surroundings.ts";

export function mutateWorkloads(options: PodWebhookOptions): Webhook {
  return {
    isFor: isWorkload,
    judge: async (review, signal) => {
      const { operation, object = {}, oldObject = {}, userInfo } = review;
      if (operation === "UPDATE") {
        const kept = keepOrigin(object as Stampable, oldObject as Stampable);
        const warnings = await templateWarnings(options, review, signal);
        return { outcome: "allowed", patch: jsonPatch(object, kept), warnings };
      }
      const read = originOf(userInfo);
      if (read.outcome === "refused")
        return verdictOn([{ field: "metadata.annotations", rule: "origin", message: read.reason }]);
      const patch = jsonPatch(object, stamp(object as Stampable, read.origin));
      return { outcome: "allowed", patch, warnings: await templateWarnings(options, review, signal) };
    },
  };
}

/**
 * That a workload's pods will be refused, said to whoever writes it: later only its controller hears of it. Controllers themselves are
 * not told, and a template that stays as it is has been spoken of.
 */
async function templateWarnings(
  { settings, ...gather }: PodWebhookOptions,
  review: Review,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const template = templateOf(review.object);
  if (template === undefined || isControlled(review.object)) return [];
  if (isDeepStrictEqual(template, templateOf(review.oldObject))) return [];
  try {
    const { facts } = await surroundingsOf(gather, template.pod, review, signal);
    return templateFindings(template, facts, settings).map(
      ({ field, message, fix }) => `its pods will be refused: ${field} ${message}. ${fix}`,
    );
  } catch (error) {
    // Its pods are judged all the same; that nobody can be warned just now is no reason to refuse the workload.
    if (error instanceof ClusterUnavailable) return [];
    throw error;
  }
}

const isControlled = (object: Review["object"]): boolean =>
  (object as KubernetesObject | undefined)?.metadata?.ownerReferences?.some(
    ({ controller }) => controller === true,
  ) === true;

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
