/**
 * Pods larger than any that runs. They are told so before anything else is looked at: a webhook sees what the API server has not yet
 * measured, and whoever sends thousands of containers would have everybody else's pods wait while each is judged.
 */
import type { V1Pod } from "@kubernetes/client-node";
import type { PodFinding } from "./contract.ts";
import { specOf } from "./view.ts";

/** More than a node runs in all its pods together. */
const CONTAINERS_MAX = 512;
const VOLUMES_MAX = 1_024;
/** Kubernetes' own. */
const ANNOTATION_BYTES_MAX = 262_144;

export const SIZE_RULES = {
  "too-large": {
    title: "the pod has more in it than any pod has",
    fix: "Split it into several pods.",
  },
} as const;

export function oversize(pod: V1Pod): readonly PodFinding[] {
  const { containers, initContainers = [], ephemeralContainers = [], volumes = [] } = specOf(pod);
  return [
    ...more(
      containers.length + initContainers.length + ephemeralContainers.length,
      CONTAINERS_MAX,
      "spec.containers",
    ),
    ...more(volumes.length, VOLUMES_MAX, "spec.volumes"),
    ...more(sizeOf(pod.metadata?.annotations ?? {}), ANNOTATION_BYTES_MAX, "metadata.annotations"),
  ];
}

/** In characters, of which no more are needed than bytes. */
function sizeOf(annotations: Readonly<Record<string, string>>): number {
  let size = 0;
  for (const key in annotations) size += key.length + (annotations[key]?.length ?? 0);
  return size;
}

function more(there: number, most: number, field: string): readonly PodFinding[] {
  if (there <= most) return [];
  const { fix } = SIZE_RULES["too-large"];
  return [{ field, rule: "too-large", message: `takes ${there}, and ${most} at most are judged`, fix }];
}
