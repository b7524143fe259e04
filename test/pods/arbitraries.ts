/** Pods that nobody would write, some of them on purpose: built of everything that a rule looks at, and of what it must not mistake. */
import type {
  V1Container,
  V1EphemeralContainer,
  V1Pod,
  V1ResourceRequirements,
  V1Volume,
} from "@kubernetes/client-node";
import fc, { type Arbitrary } from "fast-check";
import type { PodFacts } from "#operator/admission/pod/contract.ts";
import { ROOTLESS } from "#operator/admission/pod/contract.ts";
import { FACTS, GATEWAY_UID } from "./surroundings.ts";

/** Mostly absent, so that pods that pass are as frequent as pods that do not. */
const rarely = <T>(value: T, ...others: T[]): Arbitrary<T | undefined> =>
  fc.oneof(
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(value, ...others) },
  );

const names = fc.constantFrom("app", "web", "worker", "init-db", "istio-proxy", "proxy", "gw-", "gwx");
const reservedNames = fc.constantFrom("gw", "gw-init");
const containerName = fc.oneof({ weight: 30, arbitrary: names }, { weight: 1, arbitrary: reservedNames });
const volumeName = fc.oneof(
  { weight: 30, arbitrary: fc.constantFrom("work", "data", "config", "kube-api-access-x2v9k") },
  { weight: 1, arbitrary: fc.constantFrom("gw-token", "gw-state", "gw-ca") },
);

const ids = rarely(0, 1000, 10_001, 65_533, 65_534, GATEWAY_UID, 20_000, 59_999);

const securityContext = fc.record({
  runAsUser: ids,
  runAsGroup: ids,
  runAsNonRoot: rarely(true, false),
  privileged: rarely(true, false),
  allowPrivilegeEscalation: rarely(true, false),
  capabilities: rarely<{ add?: string[]; drop?: string[] }>(
    { add: ["NET_BIND_SERVICE"] },
    { drop: ["ALL"] },
    { add: ["NET_ADMIN"] },
    { add: [] },
  ),
  procMount: rarely("Default", "Unmasked"),
  seccompProfile: rarely({ type: "RuntimeDefault" }, { type: "Unconfined" }),
});

const mount = fc.record({
  name: volumeName,
  mountPath: fc.constantFrom(
    "/work",
    "/var/run",
    "/var/run/sallyport/ca",
    "/run/sallyport",
    "/etc/config",
    "",
  ),
  readOnly: rarely(true, false),
  subPath: rarely("a", "../a"),
});

const handler = fc.record({
  httpGet: rarely({ path: "/", port: 80 }, { path: "/", port: 80, host: "out.example" }),
});

const container = fc
  .record({
    name: containerName,
    image: fc.constantFrom("app", "busybox:1.36"),
    securityContext: fc.oneof(fc.constant(undefined), securityContext),
    volumeMounts: fc.oneof(fc.constant(undefined), fc.array(mount, { maxLength: 2 })),
    env: rarely(
      [{ name: "A", value: "1" }],
      [{ name: "K", valueFrom: { fileKeyRef: { key: "k", path: "f", volumeName: "gw-state" } } }],
    ),
    ports: rarely([{ containerPort: 8080 }], [{ containerPort: 15_001 }]),
    livenessProbe: fc.oneof(
      { weight: 6, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: handler },
    ),
    restartPolicy: rarely("Always"),
    resources: rarely<V1ResourceRequirements>(
      { requests: { cpu: "250m" } },
      { limits: { cpu: "0.3", memory: "100M" } },
      { requests: { memory: "1e8" } },
    ),
  })
  .map((made) => made as V1Container);

const volume = fc
  .record({
    name: volumeName,
    source: fc.oneof(
      {
        weight: 12,
        arbitrary: fc.constantFrom(
          { emptyDir: {} },
          { configMap: { name: "config" } },
          { persistentVolumeClaim: { claimName: "data" } },
          { projected: { sources: [{ serviceAccountToken: { audience: "vault", path: "token" } }] } },
        ),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          { hostPath: { path: "/" } },
          { projected: { sources: [{ serviceAccountToken: { path: "token" } }] } },
          {
            projected: {
              sources: [{ serviceAccountToken: { audience: "sallyport.dev/broker", path: "token" } }],
            },
          },
        ),
      },
    ),
  })
  .map(({ name, source }) => ({ name, ...source }) as V1Volume);

/** Without undefined fields, as JSON has none. */
const plain = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

export const podArbitrary: Arbitrary<V1Pod> = fc
  .record({
    metadata: fc.record({
      name: fc.constant("pod"),
      labels: rarely<Record<string, string>>({ app: "a" }, { "sallyport.dev/enforce": "no" }),
      annotations: rarely<Record<string, string>>(
        { note: "n" },
        { "sallyport.dev/injected": "{}" },
        { "sallyport.dev/origin-user": "somebody" },
        { "sallyport.dev/inject": "false" },
      ),
    }),
    spec: fc.record({
      initContainers: fc.oneof(fc.constant(undefined), fc.array(container, { maxLength: 3 })),
      containers: fc.array(container, { minLength: 1, maxLength: 3 }),
      volumes: fc.oneof(fc.constant(undefined), fc.array(volume, { maxLength: 3 })),
      securityContext: fc.oneof(
        { weight: 3, arbitrary: fc.constant(undefined) },
        {
          weight: 1,
          arbitrary: fc.record({ runAsUser: ids, fsGroup: ids, runAsNonRoot: rarely(true, false) }),
        },
      ),
      resources: rarely<V1ResourceRequirements>(
        { requests: { cpu: "100m" } },
        { requests: { cpu: "1", memory: "64Mi" }, limits: { cpu: "1", memory: "64Mi" } },
        { limits: { memory: "0.1Gi" } },
      ),
      hostNetwork: rarely(true, false),
      shareProcessNamespace: rarely(true, false),
      automountServiceAccountToken: rarely(true, false),
      nodeSelector: rarely<Record<string, string>>(
        { "kubernetes.io/os": "linux" },
        { "kubernetes.io/os": "windows" },
      ),
      hostAliases: rarely([{ ip: "203.0.113.9", hostnames: ["a.example"] }]),
    }),
  })
  .map((pod) => plain(pod) as V1Pod);

export const factsArbitrary: Arbitrary<PodFacts> = fc.record({
  namespace: fc.constant(FACTS.namespace),
  rootless: fc.constantFrom(...ROOTLESS),
  mayWriteOurKinds: fc.oneof(
    { weight: 20, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
});

export const ephemeralArbitrary: Arbitrary<V1EphemeralContainer> = fc
  .tuple(container, rarely("app", "gw", "gw-init"))
  .map(([made, targetContainerName]) => plain({ ...made, targetContainerName }) as V1EphemeralContainer);
