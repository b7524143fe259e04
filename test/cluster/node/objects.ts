/** What the tests of a node run on it. */
import { AGENT_IMAGE } from "#tools/cluster/node/images.ts";

const shell = (script: string): object => ({ image: AGENT_IMAGE, command: ["bash", "-c", script] });

/** A headless Service before two pods with a volume each; another Service with an address before the same. */
export function webObjects(): readonly object[] {
  const ports = [{ name: "http", port: 80, targetPort: 8000 }];
  const labels = { app: "web" };
  const web = {
    name: "web",
    ...shell("cd /data && hostname >> name && exec python3 -m http.server 8000"),
    volumeMounts: [{ name: "data", mountPath: "/data" }],
    readinessProbe: { httpGet: { path: "/name", port: 8000 }, periodSeconds: 1 },
  };
  const claim = {
    metadata: { name: "data" },
    spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  };
  return [
    { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: { selector: labels, ports } },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "peers" },
      spec: { clusterIP: "None", selector: labels, ports },
    },
    {
      apiVersion: "apps/v1",
      kind: "StatefulSet",
      metadata: { name: "web" },
      spec: {
        serviceName: "peers",
        replicas: 2,
        podManagementPolicy: "Parallel",
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { terminationGracePeriodSeconds: 0, containers: [web] },
        },
        volumeClaimTemplates: [claim],
      },
    },
  ];
}

/** Its sidecar would run for ever, and says at the end what had come before. */
export function jobWithSidecar(): object {
  const mounted = { volumeMounts: [{ name: "order", mountPath: "/order" }] };
  const sidecar = {
    name: "sidecar",
    restartPolicy: "Always",
    ...mounted,
    ...shell(`trap 'echo sidecar is told to end >>/order/log; cat /order/log; exit 0' TERM
      echo sidecar begins >>/order/log; sleep 0.5; echo sidecar is ready >>/order/log; touch /order/ready
      while :; do sleep 0.1; done`),
    startupProbe: { exec: { command: ["test", "-e", "/order/ready"] }, periodSeconds: 1 },
  };
  const main = {
    name: "main",
    ...mounted,
    ...shell("echo main begins >>/order/log; sleep 0.2; echo main ends >>/order/log"),
  };
  const template = {
    spec: {
      restartPolicy: "Never",
      initContainers: [sidecar],
      containers: [main],
      volumes: [{ name: "order", emptyDir: {} }],
    },
  };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name: "job" },
    spec: { backoffLimit: 0, template },
  };
}

export function podOf(name: string, image: string, more: object = {}): object {
  const container = {
    name: "main",
    image,
    imagePullPolicy: "Never",
    command: ["sleep", "infinity"],
    ...more,
  };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 0, containers: [container] },
  };
}

/** A webhook that is asked about ConfigMaps with a label of its name. */
export function webhookOf(name: string, namespace: string, clientConfig: object): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingWebhookConfiguration",
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig,
        rules: [{ apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] }],
        namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
        objectSelector: { matchLabels: { asks: name } },
        admissionReviewVersions: ["v1"],
        sideEffects: "None",
        timeoutSeconds: 5,
      },
    ],
  };
}

/** A Service whose one endpoint is a server outside of the cluster. */
export function serviceBefore(name: string, address: string, port: number): readonly object[] {
  const labels = { "kubernetes.io/service-name": name };
  const ports = [{ name: "https", protocol: "TCP", port }];
  return [
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { ports: [{ name: "https", port: 443, targetPort: port }] },
    },
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { name, labels },
      addressType: "IPv4",
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports,
    },
  ];
}
