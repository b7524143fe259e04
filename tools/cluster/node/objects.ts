/** What every cluster has from the start: DNS as a Service, and a default StorageClass with volumes to bind. */
import { mkdir } from "node:fs/promises";
import { KubernetesObjectApi, type KubeConfig, type KubernetesObject } from "@kubernetes/client-node";
import type { NodeNetwork } from "./network.ts";
import { DNS_SERVICE_ADDRESS, NODE_NAME } from "./programs.ts";

/** Two StatefulSets of three, twice: a volume that was bound once is not bound again. */
const VOLUMES = 12;
/** What a claim may ask for at most: they are folders of the machine's disk, which nothing divides. */
const VOLUME_SIZE = "100Gi";
const STORAGE_CLASS = "local";
export const DNS_USER = "test-dns";
const DNS_PORTS = [
  { name: "dns", protocol: "UDP", port: 53 },
  { name: "dns-tcp", protocol: "TCP", port: 53 },
];

export async function makeObjects(config: KubeConfig, folder: string, network: NodeNetwork): Promise<void> {
  const api = KubernetesObjectApi.makeApiClient(config);
  const volumes = Array.from({ length: VOLUMES }, (_, number) => `volume-${number}`);
  for (const name of volumes) await mkdir(`${folder}/volumes/${name}`, { mode: 0o777 });
  const objects = [
    ...dnsObjects(network),
    storageClass(),
    ...volumes.map((name) => volume(name, `${folder}/volumes/${name}`)),
  ];
  await Promise.all(objects.map((object) => api.create(object)));
}

/** A Service like that of any cluster; what answers is a program of the node. */
function dnsObjects({ nodeAddress }: NodeNetwork): readonly KubernetesObject[] {
  const metadata = { name: "kube-dns", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } };
  const spec = { clusterIP: DNS_SERVICE_ADDRESS, ports: DNS_PORTS };
  const slice = {
    metadata: { ...metadata, labels: { ...metadata.labels, "kubernetes.io/service-name": "kube-dns" } },
    addressType: "IPv4",
    endpoints: [{ addresses: [nodeAddress], conditions: { ready: true } }],
    ports: DNS_PORTS,
  };
  const reads = {
    metadata: { name: DNS_USER },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "view" },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: DNS_USER }],
  };
  return [
    { apiVersion: "v1", kind: "Service", metadata, spec } as KubernetesObject,
    { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", ...slice },
    { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding", ...reads },
  ];
}

function storageClass(): KubernetesObject {
  return {
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: {
      name: STORAGE_CLASS,
      annotations: { "storageclass.kubernetes.io/is-default-class": "true" },
    },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  } as KubernetesObject;
}

function volume(name: string, path: string): KubernetesObject {
  const here = { key: "kubernetes.io/hostname", operator: "In", values: [NODE_NAME] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name },
    spec: {
      capacity: { storage: VOLUME_SIZE },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      storageClassName: STORAGE_CLASS,
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [here] }] } },
    },
  } as KubernetesObject;
}
