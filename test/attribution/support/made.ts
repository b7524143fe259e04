/** What is made in a cluster, and whose it is. */
import { authorOf, type Authorship } from "#operator/admission/origin/author.ts";
import { registryOf } from "#operator/admission/origin/registry.ts";
import type { Kube } from "#operator/kube/client.ts";
import { type KubeObject, PODS, type Pod, type Resource } from "#operator/kube/resource.ts";

export type Workload = KubeObject & { readonly spec?: unknown };

function resource(group: string, plural: string, kind: string): Resource<Workload> {
  return { group, version: "v1", plural, kind, namespaced: true };
}

export const WORKLOADS = {
  CronJob: resource("batch", "cronjobs", "CronJob"),
  DaemonSet: resource("apps", "daemonsets", "DaemonSet"),
  Deployment: resource("apps", "deployments", "Deployment"),
  Job: resource("batch", "jobs", "Job"),
  ReplicaSet: resource("apps", "replicasets", "ReplicaSet"),
  ReplicationController: resource("", "replicationcontrollers", "ReplicationController"),
  StatefulSet: resource("apps", "statefulsets", "StatefulSet"),
} as const;
export type WorkloadKind = keyof typeof WORKLOADS;

/** Of pods that never run: there is no node. */
export function specOf(kind: WorkloadKind, name: string, image = "app"): object {
  const labels = { app: name };
  const spec = { containers: [{ name: "app", image }] };
  const template = { metadata: { labels }, spec };
  const jobTemplate = {
    spec: { template: { metadata: { labels }, spec: { ...spec, restartPolicy: "Never" } } },
  };
  const selector = { matchLabels: labels };
  const specs: Readonly<Record<WorkloadKind, object>> = {
    CronJob: { schedule: "0 0 1 1 *", jobTemplate },
    DaemonSet: { selector, template },
    Deployment: { selector, template },
    Job: jobTemplate.spec,
    ReplicaSet: { selector, template },
    ReplicationController: { selector: labels, template },
    StatefulSet: { serviceName: name, selector, template, podManagementPolicy: "Parallel" },
  };
  return specs[kind];
}

export async function podsOf(
  kube: Kube,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const { items } = await kube.list(PODS, { namespace, labelSelector: `app=${name}`, signal });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** In a word: the user, and the pod of theirs. */
export function whose(object: KubeObject): string {
  const { annotations = {} } = object.metadata;
  return wordOf(authorOf({ metadata: { annotations } }, registryOf([])));
}

function wordOf(authorship: Authorship): string {
  if (authorship.found !== "author") return authorship.found;
  const { user, pod } = authorship.author;
  return pod === undefined ? user : `${user} in ${pod.uid}`;
}
