/** Values that reach every branch of the templates. */
import type { Values } from "./helm.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

export const VALUE_SETS: Readonly<Record<string, Values>> = {
  defaults: {},
  "everything else": {
    images: {
      control: { repository: "registry.test/control", digest: DIGEST, pullPolicy: "Always" },
      gateway: { repository: "registry.test/gateway", digest: DIGEST, pullPolicy: "Never" },
      init: { repository: "registry.test/gw-init", tag: "v2" },
    },
    imagePullSecrets: ["registry"],
    rootless: "rootNoCaps",
    resolvers: ["10.96.0.10", "fd00::a"],
    listenAddress: "0.0.0.0",
    gateway: {
      resources: { requests: { cpu: "0.1", memory: "1024Mi" }, limits: { cpu: 1, memory: "1Gi" } },
      initResources: { limits: { memory: "64Mi" } },
    },
    webhook: {
      timeoutSeconds: 10,
      clientCertificate: { configMap: "api-server-ca", commonNames: ["kube-apiserver"] },
    },
    operator: {
      replicas: 3,
      logLevel: "debug",
      nodeSelector: { "kubernetes.io/os": "linux" },
      tolerations: [{ key: "node-role.kubernetes.io/control-plane", operator: "Exists" }],
      affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
      podAnnotations: { "example.com/team": "platform" },
      serviceAccount: { annotations: { "example.com/role": "operator" } },
    },
    broker: {
      replicas: 3,
      storage: { size: "20Gi", storageClassName: "fast" },
      apiAudiences: ["https://issuer.test"],
      priorityClassName: "system-cluster-critical",
      serviceAccount: { annotations: { "example.com/role": "broker" } },
    },
    priorityClass: { create: false },
    networkPolicy: {
      apiServerCidrs: ["192.0.2.1/32", "2001:db8::/64"],
      metricsFromNamespaces: { "kubernetes.io/metadata.name": "monitoring" },
    },
    podMonitor: { enabled: true, interval: "15s", labels: { release: "prometheus" } },
    alerts: {
      enabled: true,
      labels: { release: "prometheus" },
      runbooks: "https://runbooks.example.com/sallyport",
    },
    dashboards: {
      enabled: true,
      labels: { dashboards: "yes" },
      annotations: { grafana_folder: "Sallyport" },
    },
  },
  "without network policies": { networkPolicy: { enabled: false }, rootless: "deny" },
};
