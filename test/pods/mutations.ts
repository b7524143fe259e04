/**
 * Every way to weaken an injected pod: each field of what was put in is removed, changed and moved, and each thing that must not be
 * beside it is put there. Whoever holds pods to their shape is held to this table: `check`, and the policies of the chart.
 */
import type { V1Container, V1Pod, V1PodSpec, V1Volume } from "@kubernetes/client-node";
import { CONTAINERS, PATHS, VOLUMES } from "#operator/names.ts";
import { alterations } from "./alterations.ts";

export interface Mutation {
  /** `spec.initContainers[1].image changed` */
  readonly name: string;
  readonly pod: V1Pod;
}

/** `pod` is an injected one with a container `app` of its own, which has one more volume than the gateway's three. */
export function mutationsOf(pod: V1Pod): readonly Mutation[] {
  return [...ofGateway(pod), ...ofOrder(pod), ...ofAgents(pod), ...ofVolumes(pod), ...ofPod(pod)];
}

/** Every leaf and every item of the two containers and the three volumes. */
function ofGateway(pod: V1Pod): readonly Mutation[] {
  const spec = specOf(pod);
  const containers = [0, 1].flatMap((index) => {
    const field = `spec.initContainers[${index}]`;
    const original = spec.initContainers?.[index];
    return [
      ...alterations(original, field),
      ...Object.entries(ADDITIONS).map(([what, addition]) => ({
        name: `${field} with ${what}`,
        value: { ...original, ...addition(original) },
      })),
    ].map(({ name, value }) => ({ name, pod: withInit(pod, index, value as V1Container) }));
  });
  const volumes = (spec.volumes ?? []).flatMap((volume, index) =>
    Object.values(VOLUMES).some((name) => name === volume.name)
      ? alterations(volume, `spec.volumes[${index}]`).map(({ name, value }) => ({
          name,
          pod: withSpec(pod, { volumes: spec.volumes?.with(index, value as V1Volume) ?? [] }),
        }))
      : [],
  );
  return [...containers, ...volumes];
}

type Addition = (container: V1Container | undefined) => Partial<V1Container>;

/** What could be given to one of our containers that it does not have. */
const ADDITIONS: Readonly<Record<string, Addition>> = {
  "a command": () => ({ command: ["/bin/sh"] }),
  "another argument": (container) => ({ args: [...(container?.args ?? []), "--uid=0"] }),
  "a variable": (container) => ({
    env: [...(container?.env ?? []), { name: "NODE_OPTIONS", value: "--require=/x" }],
  }),
  "variables out of a ConfigMap": () => ({ envFrom: [{ configMapRef: { name: "mine" } }] }),
  "a hook": () => ({ lifecycle: { postStart: { exec: { command: ["/bin/true"] } } } }),
  "another mount": (container) => ({
    volumeMounts: [...(container?.volumeMounts ?? []), { name: "work", mountPath: "/app" }],
  }),
  "a device": () => ({ volumeDevices: [{ name: "work", devicePath: "/dev/x" }] }),
  "a terminal": () => ({ stdin: true, tty: true }),
  "a directory to work in": () => ({ workingDir: "/work" }),
  "an extended resource": (container) => ({
    resources: {
      ...container?.resources,
      limits: { ...container?.resources?.limits, "example.com/nic": "1" },
    },
  }),
  "rules of restart": () => ({
    restartPolicyRules: [{ action: "Restart", exitCodes: { operator: "In", values: [1] } }],
  }),
  capabilities: (container) => ({
    securityContext: {
      ...container?.securityContext,
      capabilities: { drop: ["ALL"], add: ["NET_ADMIN", "NET_RAW"] },
    },
  }),
  "an AppArmor profile": (container) => ({
    securityContext: { ...container?.securityContext, appArmorProfile: { type: "Unconfined" } },
  }),
  "an SELinux type": (container) => ({
    securityContext: { ...container?.securityContext, seLinuxOptions: { type: "spc_t" } },
  }),
};

function ofOrder(pod: V1Pod): readonly Mutation[] {
  const spec = specOf(pod);
  const [init, gateway, ...others] = spec.initContainers ?? [];
  if (init === undefined || gateway === undefined) throw new Error("the pod is not injected");
  const first: V1Container = { ...(spec.containers[0] as V1Container), name: "first" };
  const orders: Readonly<Record<string, readonly V1Container[]>> = {
    "gw before gw-init": [gateway, init, ...others],
    "another before gw-init": [first, init, gateway, ...others],
    "another between them": [init, first, gateway, ...others],
    "gw-init last": [gateway, ...others, init],
    "no gw-init": [gateway, ...others],
    "no gw": [init, ...others],
    neither: others,
    "gw under another name": [init, { ...gateway, name: "gw2" }, ...others],
    "gw-init twice": [init, init, gateway, ...others],
    "gw twice": [init, gateway, gateway, ...others],
  };
  return [
    ...Object.entries(orders).map(([name, initContainers]) => ({
      name: `order: ${name}`,
      pod: withSpec(pod, { initContainers: [...initContainers] }),
    })),
    {
      name: "order: gw among the containers",
      pod: withSpec(pod, { initContainers: [init, ...others], containers: [gateway, ...spec.containers] }),
    },
  ];
}

/** For each container of the author's own: what was forced on it undone, and what it must not have. */
function ofAgents(pod: V1Pod): readonly Mutation[] {
  const spec = specOf(pod);
  const uid = spec.initContainers?.[1]?.securityContext?.runAsUser ?? 0;
  const lists = [
    { list: "initContainers", containers: spec.initContainers ?? [], from: 2 },
    { list: "containers", containers: spec.containers, from: 0 },
  ] as const;
  return lists.flatMap(({ list, containers, from }) =>
    containers.slice(from).flatMap((container, offset) =>
      Object.entries(agentWeakenings(container, uid)).map(([name, weaker]) => ({
        name: `spec.${list}[${from + offset}] ${name}`,
        pod: withSpec(pod, { [list]: containers.with(from + offset, { ...container, ...weaker }) }),
      })),
    ),
  );
}

function agentWeakenings(
  container: V1Container,
  uid: number,
): Readonly<Record<string, Partial<V1Container>>> {
  const context = container.securityContext ?? {};
  const mounts = container.volumeMounts ?? [];
  const secured = (change: V1Container["securityContext"]): Partial<V1Container> => ({
    securityContext: { ...context, ...change },
  });
  const without = (key: keyof typeof context): Partial<V1Container> => {
    const { [key]: _gone, ...rest } = context;
    return { securityContext: rest };
  };
  return {
    "without a user": without("runAsUser"),
    "as root": secured({ runAsUser: 0 }),
    "as the gateway": secured({ runAsUser: uid }),
    "in the gateway's group": secured({ runAsGroup: uid }),
    "with its capabilities": without("capabilities"),
    "dropping one": secured({ capabilities: { drop: ["NET_RAW"] } }),
    "with NET_ADMIN": secured({ capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } }),
    "with NET_RAW": secured({ capabilities: { drop: ["ALL"], add: ["NET_RAW"] } }),
    "with SETUID": secured({ capabilities: { drop: ["ALL"], add: ["SETUID"] } }),
    "with SYS_PTRACE": secured({ capabilities: { drop: ["ALL"], add: ["SYS_PTRACE"] } }),
    privileged: secured({ privileged: true, allowPrivilegeEscalation: true }),
    "with escalation unsaid": without("allowPrivilegeEscalation"),
    "with escalation": secured({ allowPrivilegeEscalation: true }),
    "without seccomp": without("seccompProfile"),
    "with seccomp off": secured({ seccompProfile: { type: "Unconfined" } }),
    "with all of /proc": secured({ procMount: "Unmasked" }),
    "with AppArmor off": secured({ appArmorProfile: { type: "Unconfined" } }),
    "with an SELinux type": secured({ seLinuxOptions: { type: "spc_t" } }),
    "without the bundle": { volumeMounts: mounts.filter(({ name }) => name !== VOLUMES.ca) },
    "with the bundle to write": {
      volumeMounts: mounts.map((mount) =>
        mount.name === VOLUMES.ca ? { ...mount, readOnly: false } : mount,
      ),
    },
    "with part of the bundle": {
      volumeMounts: mounts.map((mount) => (mount.name === VOLUMES.ca ? { ...mount, subPath: "x" } : mount)),
    },
    "with the token": { volumeMounts: [...mounts, { name: VOLUMES.token, mountPath: "/t", readOnly: true }] },
    "with the keys": { volumeMounts: [...mounts, { name: VOLUMES.state, mountPath: "/s", readOnly: true }] },
    "with a key as a variable": {
      env: [
        { name: "K", valueFrom: { fileKeyRef: { key: "k", path: "ca.key", volumeName: VOLUMES.state } } },
      ],
    },
    "with a mount over the bundle": {
      volumeMounts: [...mounts, { name: "work", mountPath: `${PATHS.ca}/mine` }],
    },
    "with its last words over the bundle": { terminationMessagePath: `${PATHS.ca}/bundle.pem` },
    "with a mount passed on": {
      volumeMounts: [...mounts, { name: "work", mountPath: "/w", mountPropagation: "Bidirectional" }],
    },
    "on a port of the gateway": { ports: [{ containerPort: 15_001, protocol: "TCP" }] },
    "with a probe of another host": {
      livenessProbe: { httpGet: { host: "out.example", path: "/", port: 80, scheme: "HTTP" } },
    },
    "with a hook to another host": { lifecycle: { preStop: { httpGet: { host: "out.example", port: 80 } } } },
    "named as the gateway": { name: CONTAINERS.gateway },
    "named as its init": { name: CONTAINERS.init },
  };
}

function ofVolumes(pod: V1Pod): readonly Mutation[] {
  const spec = specOf(pod);
  const token = spec.volumes?.find(({ name }) => name === VOLUMES.token);
  const more: Readonly<Record<string, V1Volume>> = {
    "a second token": { ...token, name: "mine" },
    "a token of the API": {
      name: "mine",
      projected: { sources: [{ serviceAccountToken: { path: "token" } }] },
    },
    "a certificate of ours": {
      name: "mine",
      projected: {
        sources: [
          { podCertificate: { signerName: "sallyport.dev/gateway", keyType: "ED25519", keyPath: "k" } },
        ],
      },
    },
    "a certificate of the API": {
      name: "mine",
      projected: {
        sources: [
          {
            podCertificate: {
              signerName: "kubernetes.io/kube-apiserver-client-pod",
              keyType: "ED25519",
              keyPath: "k",
            },
          },
        ],
      },
    },
    "a path of the node": { name: "mine", hostPath: { path: "/", type: "" } },
    "a file server": { name: "mine", nfs: { server: "out.example", path: "/" } },
    "a driver's volume": { name: "mine", csi: { driver: "secrets-store.csi.k8s.io" } },
    "an image": { name: "mine", image: { reference: "out.example/data:1" } },
    "a target": {
      name: "mine",
      iscsi: { targetPortal: "203.0.113.9", iqn: "iqn.2001-04.com.example:a", lun: 0 },
    },
  };
  return Object.entries(more).map(([name, volume]) => ({
    name: `volumes: ${name}`,
    pod: withSpec(pod, { volumes: [...(spec.volumes ?? []), volume] }),
  }));
}

function ofPod(pod: V1Pod): readonly Mutation[] {
  const spec = specOf(pod);
  const uid = spec.initContainers?.[1]?.securityContext?.runAsUser ?? 0;
  const { automountServiceAccountToken: _unsaid, ...unsaid } = spec;
  const specs: Readonly<Record<string, Partial<V1PodSpec>>> = {
    "the node's network": { hostNetwork: true },
    "the node's processes": { hostPID: true },
    "the node's memory": { hostIPC: true },
    "shared processes": { shareProcessNamespace: true },
    "a token for all": { automountServiceAccountToken: true },
    "seccomp off": { securityContext: { seccompProfile: { type: "Unconfined" } } },
    "AppArmor off": { securityContext: { appArmorProfile: { type: "Unconfined" } } },
    "an SELinux type": { securityContext: { seLinuxOptions: { type: "spc_t" } } },
    "all as the gateway": { securityContext: { runAsUser: uid } },
    "files of the gateway's group": { securityContext: { fsGroup: uid } },
    "the gateway's group beside": { securityContext: { supplementalGroups: [uid] } },
    "a parameter of the kernel": {
      securityContext: { sysctls: [{ name: "net.ipv4.conf.all.route_localnet", value: "1" }] },
    },
    Windows: { os: { name: "windows" } },
    "a Windows node": { nodeSelector: { "kubernetes.io/os": "windows" } },
    "another broker": {
      hostAliases: [{ ip: "203.0.113.9", hostnames: ["sallyport-broker.sallyport-system.svc"] }],
    },
  };
  return [
    ...Object.entries(specs).map(([name, change]) => ({ name: `pod: ${name}`, pod: withSpec(pod, change) })),
    { name: "pod: token for all left unsaid", pod: { ...pod, spec: unsaid } },
    { name: "pod: a label of ours", pod: withMetadata(pod, "labels", { "sallyport.dev/enforce": "off" }) },
    {
      name: "pod: an annotation of ours",
      pod: withMetadata(pod, "annotations", { "sallyport.dev/inject": "false" }),
    },
    {
      name: "pod: a static one",
      pod: withMetadata(pod, "annotations", { "kubernetes.io/config.mirror": "1" }),
    },
    {
      name: "pod: a profile for the gateway",
      pod: withMetadata(pod, "annotations", {
        "container.apparmor.security.beta.kubernetes.io/gw": "localhost/x",
      }),
    },
  ];
}

const specOf = (pod: V1Pod): V1PodSpec => pod.spec ?? { containers: [] };

const withSpec = (pod: V1Pod, change: Partial<V1PodSpec>): V1Pod => ({
  ...pod,
  spec: { ...specOf(pod), ...change },
});

const withInit = (pod: V1Pod, index: number, container: V1Container): V1Pod =>
  withSpec(pod, { initContainers: specOf(pod).initContainers?.with(index, container) ?? [] });

const withMetadata = (
  pod: V1Pod,
  key: "labels" | "annotations",
  more: Readonly<Record<string, string>>,
): V1Pod => ({
  ...pod,
  metadata: { ...pod.metadata, [key]: { ...pod.metadata?.[key], ...more } },
});
