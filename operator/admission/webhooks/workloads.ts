/** What makes pods: it is put on record who made it, and whose it is. That stays until what its pods are made from changes hands. */
import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject } from "@kubernetes/client-node";
import {
  type Attributed,
  attributionAfter,
  attributionOf,
  type Changing,
  type Made,
} from "../origin/attribution.ts";
import { type OwnerKind, type Registry, stampedKinds } from "../origin/registry.ts";
import { reservedInTemplates } from "../origin/reserved.ts";
import { checkStamps, stamp } from "../origin/stamp.ts";
import { jsonPatch } from "../pod/json-patch.ts";
import { templateFindings, templateOf } from "../pod/template.ts";
import type { Review } from "../server/review.ts";
import { ClusterUnavailable, type Webhook } from "../server/webhook.ts";
import { type PodWebhookOptions, verdictOn } from "./pods.ts";
import { asked, surroundingsOf } from "./surroundings.ts";

export function mutateWorkloads(options: PodWebhookOptions): Webhook {
  return {
    isFor: (review) => isWorkload(options, review),
    judge: async (review, signal) => {
      const attributed = await attributionIn(options, review, signal);
      if (attributed.outcome === "refused") return verdictOn(attributed.findings);
      const object = objectIn(review);
      const patch = jsonPatch(object, stamp(object, attributed.stamps));
      return { outcome: "allowed", patch, warnings: await templateWarnings(options, review, signal) };
    },
  };
}

export function validateWorkloads(options: PodWebhookOptions): Webhook {
  return {
    isFor: (review) => isWorkload(options, review),
    judge: async (review, signal) => {
      const attributed = await attributionIn(options, review, signal);
      if (attributed.outcome === "refused") return verdictOn(attributed.findings);
      return verdictOn([
        ...checkStamps(objectIn(review), attributed.stamps),
        ...reservedInTemplates(review.object, review.oldObject),
      ]);
    },
  };
}

async function attributionIn(
  { attribution }: PodWebhookOptions,
  review: Review,
  signal: AbortSignal,
): Promise<Attributed> {
  const { group, resource, namespace, userInfo, operation } = review;
  const making = { group, plural: resource, namespace, userInfo, object: objectIn(review) };
  if (operation === "CREATE") return asked(() => attributionOf(attribution, making, signal));
  const kind = kindOf(attribution.registry(), review);
  const changing: Changing = {
    ...making,
    oldObject: review.oldObject ?? {},
    determining: kind?.determining ?? [],
  };
  return asked(() => attributionAfter(attribution, changing, signal));
}

/** What the API server sends has passed its decoder: it has the metadata of an object. */
const objectIn = ({ object = {} }: Review): Made => object;

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

function isWorkload({ attribution }: PodWebhookOptions, review: Review): boolean {
  const { subResource, operation } = review;
  return (
    subResource === "" &&
    (operation === "CREATE" || operation === "UPDATE") &&
    kindOf(attribution.registry(), review) !== undefined
  );
}

function kindOf(registry: Registry, { group, resource }: Review): OwnerKind | undefined {
  return stampedKinds(registry).find((kind) => kind.group === group && kind.plural === resource);
}
