/**
 * A pod as it is at this moment, and whether it may be trusted with anything: everything is asked of the API server anew. What a
 * watch has shown may be old, and a watch that is held back shows nothing at all.
 */
import type { LivePod, PodClaim } from "#broker/pods/pods.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { CONTAINERS } from "#operator/names.ts";
import type { WriterFacts } from "../admission/facts/writers.ts";
import type { InjectionSettings, PodFinding } from "../admission/pod/contract.ts";
import type { Call, Kube } from "../kube/client.ts";
import { NAMESPACES, type Pod, PODS, SERVICE_ACCOUNTS, objectKey } from "../kube/resource.ts";
import { findingsOn } from "./findings.ts";
import { type LineageSource, liveLineage, readingAbove } from "./lineage/live.ts";

export interface PodSource {
  readonly kube: Pick<Kube, "get">;
  readonly writers: WriterFacts;
  readonly injection: InjectionSettings;
  readonly lineage: LineageSource;
  /** Told for people: the pod itself is told no more than that it is not trusted. */
  readonly onUntrusted: (claim: PodClaim, findings: readonly PodFinding[]) => void;
}

const ALIVE: readonly unknown[] = ["Pending", "Running"];

/** Rejects when the API server cannot be asked. */
export async function livePod(source: PodSource, claim: PodClaim, call: Call): Promise<LivePod | Refusal> {
  const { kube, writers, injection, onUntrusted } = source;
  const { namespace, name, serviceAccount } = claim;
  const read = readingAbove(claim.uid, source.lineage, call);
  const [pod, around, account, writes] = await Promise.all([
    kube.get(PODS, objectKey(namespace, name), call),
    kube.get(NAMESPACES, namespace, call),
    kube.get(SERVICE_ACCOUNTS, objectKey(namespace, serviceAccount), call),
    writers.writesOf({ namespace, name: serviceAccount }, call.signal),
  ]);
  if (pod === undefined || !isAlive(pod, claim)) return refusal("POD_ENDED");
  if (around === undefined || account?.metadata.uid !== claim.serviceAccountUid) return refusal("POD_ENDED");
  const findings = findingsOn(pod, around, writes !== undefined, injection);
  if (findings.length > 0) {
    onUntrusted(claim, findings);
    return refusal("POD_UNTRUSTED");
  }
  const { uid } = claim;
  return {
    claim,
    ips: (pod.status?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip])),
    identity: { serviceAccount: { namespace, name: serviceAccount }, pod: { namespace, name, uid } },
    lineage: await liveLineage(pod, around, source.lineage, call, read),
    gatewayRestarts: restartsOf(pod),
  };
}

/** Another pod of the same name is another pod; a pod that is on another node than its token says is no pod of ours. */
function isAlive({ metadata, spec, status }: Pod, { uid, nodeName, serviceAccount }: PodClaim): boolean {
  return (
    metadata.uid === uid &&
    metadata.deletionTimestamp === undefined &&
    spec?.nodeName === nodeName &&
    spec.serviceAccountName === serviceAccount &&
    ALIVE.includes(status?.phase)
  );
}

function restartsOf({ status }: Pod): number {
  const gateway = status?.initContainerStatuses?.find(({ name }) => name === CONTAINERS.gateway);
  return gateway?.restartCount ?? 0;
}
