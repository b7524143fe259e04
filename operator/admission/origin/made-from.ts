/**
 * Which object says whose it is that a controller makes. Controllers act on what they have heard, and may make something from a template
 * that has changed hands since: it must not become the new author's.
 */
import type { KubeObject } from "../../kube/resource.ts";
import { RESTAMPED } from "../../names.ts";
import type { OwnerFacts } from "../facts/owners.ts";
import type { Making } from "./attribution.ts";
import type { FieldPath, OwnerKind } from "./registry.ts";
import { at, sameTemplate } from "./template.ts";

export interface Owner {
  readonly kind: OwnerKind;
  readonly owner: KubeObject;
}

/** Where a template is kept, for as long as there are pods of it: the StatefulSet itself has the newest alone. */
const REVISIONS = {
  group: "apps",
  version: "v1",
  plural: "controllerrevisions",
  kind: "ControllerRevision",
} as const;
const REVISION_LABEL = "controller-revision-hash";
const IN_REVISION: FieldPath = ["data", "spec", "template"];
const TEMPLATE: FieldPath = ["spec", "template"];
const IN_CRON_JOB: FieldPath = ["spec", "jobTemplate", "spec", "template"];
/** So long after a change of hands a controller may act on what was before. Watches tell within milliseconds. */
const HEARD_MS = 10_000;

/** In words, when that cannot be told now. */
export async function madeFrom(
  owners: OwnerFacts,
  made: Owner,
  making: Making,
  nowMs: number,
  signal: AbortSignal,
): Promise<KubeObject | string> {
  const { kind, owner } = made;
  switch (`${kind.group}/${kind.kind} ${making.plural}`) {
    case "apps/Deployment replicasets":
      return sameAs(made, TEMPLATE, at(making.object, TEMPLATE));
    case "apps/StatefulSet controllerrevisions":
    case "apps/DaemonSet controllerrevisions":
      return sameAs(made, TEMPLATE, at(making.object, IN_REVISION));
    case "apps/StatefulSet pods":
      return revisionOf(owners, made, (hash) => hash, making, signal);
    case "apps/DaemonSet pods":
      return revisionOf(owners, made, (hash) => `${owner.metadata.name}-${hash}`, making, signal);
    case "batch/CronJob jobs":
      // Others may add to a Job what they have not added to its CronJob.
      return sameTemplate(at(owner, IN_CRON_JOB), at(making.object, TEMPLATE)) ? owner : heard(made, nowMs);
    default:
      return heard(made, nowMs);
  }
}

function sameAs(made: Owner, path: FieldPath, template: unknown): KubeObject | string {
  return sameTemplate(at(made.owner, path), template) ? made.owner : changing(made);
}

function heard(made: Owner, nowMs: number): KubeObject | string {
  const since = made.owner.metadata.annotations?.[RESTAMPED];
  return since !== undefined && nowMs - Date.parse(since) < HEARD_MS ? changing(made) : made.owner;
}

const changing = ({ kind, owner }: Owner): string =>
  `the template of ${kind.kind} ${owner.metadata.name} has just been changed by somebody else`;

async function revisionOf(
  owners: OwnerFacts,
  { kind, owner }: Owner,
  nameOf: (hash: string) => string,
  { object, namespace }: Making,
  signal: AbortSignal,
): Promise<KubeObject | string> {
  const name = nameOf(object.metadata?.labels?.[REVISION_LABEL] ?? "");
  const revision = NAME.test(name) ? await owners.find(REVISIONS, namespace, name, signal) : undefined;
  const reference = revision?.metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (revision === undefined || reference?.uid !== owner.metadata.uid)
    return `${kind.kind} ${owner.metadata.name} has no revision ${name}, by which it would be known whose it is`;
  return revision;
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
