/**
 * Tells the broker of pods that end, so that their sessions end at once. Only that: whether a pod may have anything is asked of the
 * API server each time, so a watch that is held back keeps nobody alive for longer than a lease.
 */
import type { Pod } from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import { makerAnnotations } from "./lineage/children.ts";

/** Of thousands of pods, no more than is looked at. */
export function endOf(pod: Pod): Pod {
  const { apiVersion, kind, metadata, status } = pod;
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp } = metadata;
  const annotations = makerAnnotations(pod);
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
    },
    ...(status?.phase === undefined ? {} : { status: { phase: status.phase } }),
  };
}

/** Returns what stops it. */
export function onPodEnds(pods: Pick<StoreView<Pod>, "onChange">, ended: (uid: string) => void): () => void {
  return pods.onChange(({ old, now }) => {
    const uid = (now ?? old)?.metadata.uid;
    if (uid !== undefined && (now === undefined || hasEnded(now))) ended(uid);
  });
}

function hasEnded({ metadata, status }: Pod): boolean {
  const { phase } = status ?? {};
  return metadata.deletionTimestamp !== undefined || phase === "Succeeded" || phase === "Failed";
}
