/** Kinds that make pods. Each is stamped, since the pod itself only tells which controller made it. */
export const STAMPED_WORKLOADS = [
  { group: "", version: "v1", plural: "replicationcontrollers" },
  { group: "apps", version: "v1", plural: "daemonsets" },
  { group: "apps", version: "v1", plural: "deployments" },
  { group: "apps", version: "v1", plural: "replicasets" },
  { group: "apps", version: "v1", plural: "statefulsets" },
  { group: "batch", version: "v1", plural: "cronjobs" },
  { group: "batch", version: "v1", plural: "jobs" },
] as const;
