/** The chart's ClusterRole that owns what we make beside the chart, so that it goes when the chart is uninstalled. */
import type { Call, Kube } from "../kube/client.ts";
import { CLUSTER_ROLES, type OwnerReference } from "../kube/resource.ts";

/** Undefined: it is not there, or about to go. */
export async function ownerOf(kube: Kube, name: string, call: Call): Promise<OwnerReference | undefined> {
  const role = await kube.get(CLUSTER_ROLES, name, call);
  const { uid, deletionTimestamp } = role?.metadata ?? {};
  if (uid === undefined || deletionTimestamp !== undefined) return undefined;
  return { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", name, uid };
}
