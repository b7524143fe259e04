import type { V1Pod } from "@kubernetes/client-node";
import { check } from "./check.ts";
import type { CheckUpdate, PodFinding } from "./contract.ts";
import { differences } from "./differences.ts";
import { FINDINGS_MAX } from "./judge.ts";
import { isReservedKey } from "./rules/names.ts";
import { isReservedContainer, isReservedVolume, specOf } from "./view.ts";

/**
 * What is ours does not change while a pod lives, and a pod that can be trusted stays one. A pod that could not be trusted before,
 * made before its namespace was labelled, may change: nobody trusts it, and its controller has to be able to end it.
 */
export const checkUpdate: CheckUpdate = (pod, oldPod, facts, settings) => {
  const changed = differences(reservedParts(oldPod), reservedParts(pod), "").map(changedField);
  if (changed.length > 0) return changed.slice(0, FINDINGS_MAX);
  return check(oldPod, facts, settings).length > 0 ? [] : check(pod, facts, settings);
};

export const UPDATE_RULES = {
  "reserved-change": {
    title: "a change to what is the gateway's in a living pod",
    fix: "Leave it as it is; sizes and images of the gateway come with the chart's values. An autoscaler is told to leave gw and gw-init out.",
  },
} as const;

function changedField(path: string): PodFinding {
  return {
    field: path.slice(1),
    rule: "reserved-change",
    message: "does not change while the pod lives",
    fix: UPDATE_RULES["reserved-change"].fix,
  };
}

/** By the paths that a finding is to name. Lists are maps here, since others may be added before and behind. */
function reservedParts(pod: V1Pod): Readonly<Record<string, unknown>> {
  const spec = specOf(pod);
  const ours = (spec.initContainers ?? [])
    .map((container, index) => ({ container, index }))
    .filter(({ container }) => isReservedContainer(container.name));
  return {
    "metadata.labels": reservedOf(pod.metadata?.labels),
    "metadata.annotations": reservedOf(pod.metadata?.annotations),
    ...Object.fromEntries(ours.map(({ container, index }) => [`spec.initContainers[${index}]`, container])),
    "spec.volumes": Object.fromEntries(
      (spec.volumes ?? [])
        .filter(({ name }) => isReservedVolume(name))
        .map((volume) => [volume.name, volume]),
    ),
  };
}

const reservedOf = (keys: Readonly<Record<string, string>> | undefined): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(keys ?? {}).filter(([key]) => isReservedKey(key)));
