/** Whether a pod is as admission lets pods be, and what is wrong with it otherwise: asked at every exchange, and by people. */
import type { V1Pod } from "@kubernetes/client-node";
import type { Examined } from "#broker/api/people/people.ts";
import type { PodName } from "#broker/pods/pods.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { LABELS } from "#operator/names.ts";
import { says } from "../admission/facts/namespaces.ts";
import { check } from "../admission/pod/check.ts";
import type { InjectionSettings, PodFacts, PodFinding } from "../admission/pod/contract.ts";
import type { Call } from "../kube/client.ts";
import { type Namespace, NAMESPACES, type Pod, PODS, objectKey } from "../kube/resource.ts";
import { liveLineage } from "./lineage/live.ts";
import type { PodSource } from "./live-pod.ts";

export function findingsOn(
  pod: Pod,
  { metadata: { name, labels = {} } }: Namespace,
  mayWriteOurKinds: boolean,
  injection: InjectionSettings,
): readonly PodFinding[] {
  if (labels[LABELS.enforce] === undefined) return [NOT_ENFORCED];
  const { rootless } = says(name, labels, injection.rootless);
  const facts: PodFacts = { namespace: name, rootless, mayWriteOurKinds };
  // What differs in the types are dates, which no rule reads.
  return check(pod as unknown as V1Pod, facts, injection);
}

/** What an exchange would find now; undefined when there is no such pod. Rejects when the API server cannot be asked. */
export async function examinePod(
  { kube, writers, injection, lineage }: Omit<PodSource, "onUntrusted">,
  { namespace, name }: PodName,
  call: Call,
): Promise<Examined | undefined> {
  const [pod, around] = await Promise.all([
    kube.get(PODS, objectKey(namespace, name), call),
    kube.get(NAMESPACES, namespace, call),
  ]);
  if (pod === undefined || around === undefined) return undefined;
  const account = { namespace, name: pod.spec?.serviceAccountName ?? "default" };
  const writes = await writers.writesOf(account, call.signal);
  const found = await liveLineage(pod, around, lineage, call);
  return {
    uid: pod.metadata.uid ?? "",
    findings: findingsOn(pod, around, writes !== undefined, injection),
    ...(isRefusal(found) ? { lineage: found } : {}),
  };
}

const NOT_ENFORCED: PodFinding = {
  field: "metadata.namespace",
  rule: "namespace",
  message: `the namespace does not bear the label ${LABELS.enforce}, so nobody holds its pods to the rules`,
  fix: "Label the namespace.",
};
