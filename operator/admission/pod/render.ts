/**
 * What is put into a pod, with every field as the API server stores it, its defaults included: so that a pod read back can be
 * compared field by field with what would be rendered today.
 */
import type { V1Container, V1Probe, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import {
  AUTHORITY_CONFIG_MAP as AUTHORITY,
  BROKER_AUDIENCE,
  CONTAINERS,
  INIT_UID,
  PATHS,
  PORTS,
  PORTS_RESERVED,
  SERVICE_ACCOUNT_FOLDER,
  TOKEN_SECONDS,
  VOLUMES,
} from "../../names.ts";
import type { Rendering } from "./contract.ts";

export interface GatewayParts {
  readonly init: V1Container;
  readonly gateway: V1Container;
  readonly volumes: readonly V1Volume[];
}

export function renderGateway(rendering: Rendering, uid: number): GatewayParts {
  return {
    init: initContainer(rendering, uid),
    gateway: gatewayContainer(rendering, uid),
    volumes: VOLUMES_RENDERED,
  };
}

/** How every container but the gateway sees the bundle that says whom to trust. */
export const CA_MOUNT: V1VolumeMount = { name: VOLUMES.ca, mountPath: PATHS.ca, readOnly: true };

/** The same once more, where clients of Kubernetes look. */
export const SERVICE_ACCOUNT_MOUNT: V1VolumeMount = {
  name: VOLUMES.ca,
  mountPath: SERVICE_ACCOUNT_FOLDER,
  readOnly: true,
};

const TERMINATION = {
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "FallbackToLogsOnError",
};

function initContainer({ images, pullPolicy, resources }: Rendering, uid: number): V1Container {
  return {
    name: CONTAINERS.init,
    image: images.init,
    imagePullPolicy: pullPolicy,
    args: [
      `--uid=${uid}`,
      `--capture=${PORTS.capture}`,
      `--dns=${PORTS.dns}`,
      `--reserved=${PORTS_RESERVED.first}-${PORTS_RESERVED.last}`,
    ],
    resources: resources.init,
    securityContext: {
      ...securityContext(INIT_UID),
      // The image gives this to one binary as a file capability; without it in the bounding set that would be worth nothing.
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] },
    },
    ...TERMINATION,
  };
}

function gatewayContainer(rendering: Rendering, uid: number): V1Container {
  const { images, pullPolicy, resources } = rendering;
  return {
    name: CONTAINERS.gateway,
    image: images.gateway,
    imagePullPolicy: pullPolicy,
    restartPolicy: "Always",
    env: [
      { name: "GW_BROKER", value: rendering.broker },
      { name: "GW_RESOLVERS", value: rendering.resolvers.join(",") },
      ...Object.entries(FACTS_OF_POD).map(([name, fieldPath]) => ({
        name,
        valueFrom: { fieldRef: { apiVersion: "v1", fieldPath } },
      })),
    ],
    ports: [{ name: "gw-health", containerPort: PORTS.health, protocol: "TCP" }],
    startupProbe: probe("/startz", { periodSeconds: 1, failureThreshold: 60 }),
    readinessProbe: probe("/readyz", { periodSeconds: 5, failureThreshold: 3 }),
    livenessProbe: probe("/livez", { periodSeconds: 10, failureThreshold: 6 }),
    resources: resources.gateway,
    securityContext: securityContext(uid),
    volumeMounts: [
      { name: VOLUMES.token, mountPath: PATHS.token, readOnly: true },
      { name: VOLUMES.state, mountPath: PATHS.state },
      { name: VOLUMES.ca, mountPath: PATHS.ca },
    ],
    ...TERMINATION,
  };
}

/** What the gateway is told of its pod. It believes none of it where it matters: the broker asks the API server. */
const FACTS_OF_POD = {
  POD_NAME: "metadata.name",
  POD_NAMESPACE: "metadata.namespace",
  POD_UID: "metadata.uid",
  NODE_NAME: "spec.nodeName",
};

function securityContext(uid: number): NonNullable<V1Container["securityContext"]> {
  return {
    runAsNonRoot: true,
    runAsUser: uid,
    runAsGroup: uid,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  };
}

function probe(path: string, times: Pick<V1Probe, "periodSeconds" | "failureThreshold">): V1Probe {
  return {
    httpGet: { path, port: PORTS.health, scheme: "HTTP" },
    timeoutSeconds: 1,
    successThreshold: 1,
    ...times,
  };
}

const MEMORY = { medium: "Memory", sizeLimit: "1Mi" };

const VOLUMES_RENDERED: readonly V1Volume[] = [
  {
    name: VOLUMES.token,
    projected: {
      // Readable for all, since without an fsGroup the file is root's and the gateway is not: who mounts it is what counts.
      defaultMode: 0o444,
      sources: [
        {
          serviceAccountToken: { audience: BROKER_AUDIENCE, expirationSeconds: TOKEN_SECONDS, path: "token" },
        },
        {
          // A gateway that does not find it says so to whoever connects; a pod that waited for it would say nothing.
          configMap: {
            name: AUTHORITY.name,
            items: [{ key: AUTHORITY.member, path: AUTHORITY.member }],
            optional: true,
          },
        },
      ],
    },
  },
  { name: VOLUMES.state, emptyDir: MEMORY },
  { name: VOLUMES.ca, emptyDir: MEMORY },
];
