/**
 * Pods by who made them, out of what is watched: how many children a pod has that live. It bounds, and decides about nothing else; what
 * is not seen here yet is not counted yet.
 */
import { AUTHOR, ORIGIN } from "#operator/names.ts";
import type { AuthorFrom } from "../../admission/origin/author.ts";
import type { Pod } from "../../kube/resource.ts";
import type { StoreView } from "../../kube/store.ts";

/** The name of the store's index. */
export const BY_PARENT = "parent";

export interface Siblings {
  /** Of a pod's living children, how many were made before this one. */
  olderThan(pod: Pod, parentUid: string): number;
  /** Whether a pod that is there says that it was made by this one. */
  isNamed(uid: string): boolean;
}

export function siblingsIn(pods: Pick<StoreView<Pod>, "by">): Siblings {
  return {
    olderThan: (pod, parentUid) =>
      pods.by(BY_PARENT, parentUid).filter((other) => isAlive(other) && isOlder(other, pod)).length,
    isNamed: (uid) => pods.by(BY_PARENT, uid).length > 0,
  };
}

const UID_KEYS: readonly string[] = [AUTHOR.from, AUTHOR.podUid, ORIGIN.podUid];

/** What of a pod's annotations tells its maker's uid. */
export function makerAnnotations({ metadata: { annotations = {} } }: Pod): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => UID_KEYS.includes(key)));
}

export function parentUidsOf({ metadata: { annotations = {} } }: Pod): readonly string[] {
  const from = annotations[AUTHOR.from];
  const isInherited = from === ("Owner" satisfies AuthorFrom);
  const uid = isInherited ? annotations[AUTHOR.podUid] : annotations[ORIGIN.podUid];
  return uid === undefined || (from !== undefined && !isInherited) ? [] : [uid];
}

function isAlive({ metadata, status }: Pod): boolean {
  return (
    metadata.deletionTimestamp === undefined && status?.phase !== "Succeeded" && status?.phase !== "Failed"
  );
}

function isOlder(one: Pod, other: Pod): boolean {
  const [a, b] = [one.metadata.creationTimestamp ?? "", other.metadata.creationTimestamp ?? ""];
  return a === b ? (one.metadata.uid ?? "") < (other.metadata.uid ?? "") : a < b;
}
