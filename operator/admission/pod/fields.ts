/**
 * Every field that a pod can have as far as we know, so that one that Kubernetes adds later is refused until somebody has thought
 * about it: the compiler asks for a row as soon as the client's types know the field, and admission refuses it until then.
 */
import type {
  V1Capabilities,
  V1Container,
  V1ContainerPort,
  V1EnvVar,
  V1EnvVarSource,
  V1EphemeralContainer,
  V1FileKeySelector,
  V1HTTPGetAction,
  V1Lifecycle,
  V1LifecycleHandler,
  V1PodSecurityContext,
  V1PodSpec,
  V1Probe,
  V1ProjectedVolumeSource,
  V1SecurityContext,
  V1ServiceAccountTokenProjection,
  V1TCPSocketAction,
  V1Volume,
  V1VolumeMount,
  V1VolumeProjection,
} from "@kubernetes/client-node";

/** `open`: whatever is in it reaches nobody but the pod itself, or is judged as a whole by a rule. */
export type Shape = "open" | { readonly each: Fields } | Fields;
export interface Fields {
  readonly [field: string]: Shape;
}
type FieldsOf<T> = { readonly [Field in keyof Required<T>]: Shape };

const HTTP_GET = {
  host: "open",
  httpHeaders: "open",
  path: "open",
  port: "open",
  scheme: "open",
} satisfies FieldsOf<V1HTTPGetAction>;

const TCP_SOCKET = { host: "open", port: "open" } satisfies FieldsOf<V1TCPSocketAction>;

const PROBE = {
  exec: "open",
  failureThreshold: "open",
  grpc: "open",
  httpGet: HTTP_GET,
  initialDelaySeconds: "open",
  periodSeconds: "open",
  successThreshold: "open",
  tcpSocket: TCP_SOCKET,
  terminationGracePeriodSeconds: "open",
  timeoutSeconds: "open",
} satisfies FieldsOf<V1Probe>;

const HANDLER = {
  exec: "open",
  httpGet: HTTP_GET,
  sleep: "open",
  tcpSocket: TCP_SOCKET,
} satisfies FieldsOf<V1LifecycleHandler>;

const LIFECYCLE = {
  postStart: HANDLER,
  preStop: HANDLER,
  stopSignal: "open",
} satisfies FieldsOf<V1Lifecycle>;

const SECURITY_CONTEXT = {
  allowPrivilegeEscalation: "open",
  appArmorProfile: "open",
  capabilities: { add: "open", drop: "open" } satisfies FieldsOf<V1Capabilities>,
  privileged: "open",
  procMount: "open",
  readOnlyRootFilesystem: "open",
  runAsGroup: "open",
  runAsNonRoot: "open",
  runAsUser: "open",
  seLinuxOptions: "open",
  seccompProfile: "open",
  windowsOptions: "open",
} satisfies FieldsOf<V1SecurityContext>;

const POD_SECURITY_CONTEXT = {
  appArmorProfile: "open",
  fsGroup: "open",
  fsGroupChangePolicy: "open",
  runAsGroup: "open",
  runAsNonRoot: "open",
  runAsUser: "open",
  seLinuxChangePolicy: "open",
  seLinuxOptions: "open",
  seccompProfile: "open",
  supplementalGroups: "open",
  supplementalGroupsPolicy: "open",
  sysctls: "open",
  windowsOptions: "open",
} satisfies FieldsOf<V1PodSecurityContext>;

const ENV = {
  name: "open",
  value: "open",
  valueFrom: {
    configMapKeyRef: "open",
    fieldRef: "open",
    fileKeyRef: {
      key: "open",
      optional: "open",
      path: "open",
      volumeName: "open",
    } satisfies FieldsOf<V1FileKeySelector>,
    resourceFieldRef: "open",
    secretKeyRef: "open",
  } satisfies FieldsOf<V1EnvVarSource>,
} satisfies FieldsOf<V1EnvVar>;

const PORT = {
  containerPort: "open",
  hostIP: "open",
  hostPort: "open",
  name: "open",
  protocol: "open",
} satisfies FieldsOf<V1ContainerPort>;

const VOLUME_MOUNT = {
  mountPath: "open",
  mountPropagation: "open",
  name: "open",
  readOnly: "open",
  recursiveReadOnly: "open",
  subPath: "open",
  subPathExpr: "open",
} satisfies FieldsOf<V1VolumeMount>;

const CONTAINER = {
  args: "open",
  command: "open",
  env: { each: ENV },
  envFrom: "open",
  image: "open",
  imagePullPolicy: "open",
  lifecycle: LIFECYCLE,
  livenessProbe: PROBE,
  name: "open",
  ports: { each: PORT },
  readinessProbe: PROBE,
  resizePolicy: "open",
  resources: "open",
  restartPolicy: "open",
  restartPolicyRules: "open",
  securityContext: SECURITY_CONTEXT,
  startupProbe: PROBE,
  stdin: "open",
  stdinOnce: "open",
  terminationMessagePath: "open",
  terminationMessagePolicy: "open",
  tty: "open",
  volumeDevices: "open",
  volumeMounts: { each: VOLUME_MOUNT },
  workingDir: "open",
} satisfies FieldsOf<V1Container>;

const EPHEMERAL_CONTAINER = {
  ...CONTAINER,
  targetContainerName: "open",
} satisfies FieldsOf<V1EphemeralContainer>;

const PROJECTION = {
  clusterTrustBundle: "open",
  configMap: "open",
  downwardAPI: "open",
  podCertificate: "open",
  secret: "open",
  serviceAccountToken: {
    audience: "open",
    expirationSeconds: "open",
    path: "open",
  } satisfies FieldsOf<V1ServiceAccountTokenProjection>,
} satisfies FieldsOf<V1VolumeProjection>;

/** Which of the sources a pod may have is said in rules/volumes.ts. */
const VOLUME = {
  awsElasticBlockStore: "open",
  azureDisk: "open",
  azureFile: "open",
  cephfs: "open",
  cinder: "open",
  configMap: "open",
  csi: "open",
  downwardAPI: "open",
  emptyDir: "open",
  ephemeral: "open",
  fc: "open",
  flexVolume: "open",
  flocker: "open",
  gcePersistentDisk: "open",
  gitRepo: "open",
  glusterfs: "open",
  hostPath: "open",
  image: "open",
  iscsi: "open",
  name: "open",
  nfs: "open",
  persistentVolumeClaim: "open",
  photonPersistentDisk: "open",
  portworxVolume: "open",
  projected: {
    defaultMode: "open",
    sources: { each: PROJECTION },
  } satisfies FieldsOf<V1ProjectedVolumeSource>,
  quobyte: "open",
  rbd: "open",
  scaleIO: "open",
  secret: "open",
  storageos: "open",
  vsphereVolume: "open",
} satisfies FieldsOf<V1Volume>;

export const POD_FIELDS = {
  activeDeadlineSeconds: "open",
  affinity: "open",
  automountServiceAccountToken: "open",
  containers: { each: CONTAINER },
  dnsConfig: "open",
  dnsPolicy: "open",
  enableServiceLinks: "open",
  ephemeralContainers: { each: EPHEMERAL_CONTAINER },
  hostAliases: "open",
  hostIPC: "open",
  hostNetwork: "open",
  hostPID: "open",
  hostUsers: "open",
  hostname: "open",
  hostnameOverride: "open",
  imagePullSecrets: "open",
  initContainers: { each: CONTAINER },
  nodeName: "open",
  nodeSelector: "open",
  os: "open",
  overhead: "open",
  preemptionPolicy: "open",
  priority: "open",
  priorityClassName: "open",
  readinessGates: "open",
  resourceClaims: "open",
  resources: "open",
  restartPolicy: "open",
  runtimeClassName: "open",
  schedulerName: "open",
  schedulingGates: "open",
  schedulingGroup: "open",
  securityContext: POD_SECURITY_CONTEXT,
  serviceAccount: "open",
  serviceAccountName: "open",
  setHostnameAsFQDN: "open",
  shareProcessNamespace: "open",
  subdomain: "open",
  terminationGracePeriodSeconds: "open",
  tolerations: "open",
  topologySpreadConstraints: "open",
  volumes: { each: VOLUME },
} satisfies FieldsOf<V1PodSpec>;

/** Fields of `value` that `fields` has no row for. */
export function unknownFields(value: object, fields: Fields, field: string): readonly string[] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    const place = `${field}.${name}`;
    if (!Object.hasOwn(fields, name)) return inner === undefined ? [] : [place];
    return unknownWithin(inner, fields[name] ?? "open", place);
  });
}

function unknownWithin(value: unknown, shape: Shape, field: string): readonly string[] {
  if (shape === "open" || typeof value !== "object" || value === null) return [];
  if (!isList(shape)) return unknownFields(value, shape, field);
  return Object.entries(value).flatMap(([index, item]: [string, unknown]) =>
    unknownWithin(item, shape.each, `${field}[${index}]`),
  );
}

const isList = (shape: Exclude<Shape, "open">): shape is { readonly each: Fields } =>
  typeof shape["each"] === "object" && Object.keys(shape).length === 1;
