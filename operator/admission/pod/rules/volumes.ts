/** What a pod may mount. The kubelet fetches some kinds of volumes itself, past capture and from wherever the author says. */
import { posix } from "node:path";
import type { V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { PATHS, SERVICE_ACCOUNT_FOLDER, VOLUMES } from "../../../names.ts";
import { isBundleMount, isCaMount, isServiceAccountMount } from "../strip.ts";
import { isReservedVolume, type PlacedContainer } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

const ALLOWED = [
  "configMap",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
] as const satisfies readonly (keyof V1Volume)[];

const FIXES: Partial<Record<keyof V1Volume, string>> = {
  hostPath:
    "Use an emptyDir, a configMap or a persistentVolumeClaim; what belongs to the node stays with the node.",
  image: "Build the files into the container's own image, or use a configMap or a persistentVolumeClaim.",
  csi: "Use a persistentVolumeClaim of that driver; secrets are what Connections are for.",
};

export const volumeSource: PodRule = {
  title: "a volume is of a kind that agents may not have",
  why:
    "hostPath is the node itself. For nfs, iscsi, csi, image and their like the kubelet connects to a server that the author names, " +
    "uncaptured: a way out for data, and in for secrets.",
  fix: `Use one of ${ALLOWED.join(", ")}.`,
  remedy: "refused",
  find: ({ volumes }) =>
    volumes.flatMap(({ field, volume }) =>
      Object.keys(volume)
        .filter((source) => source !== "name" && !ALLOWED.some((allowed) => allowed === source))
        .map((source) => {
          const fix = FIXES[source as keyof V1Volume];
          return {
            field: `${field}.${source}`,
            message: `volumes of kind ${source} are not for agents`,
            ...(fix === undefined ? {} : { fix }),
          };
        }),
    ),
  wrong: "spec: { volumes: [{ name: node, hostPath: { path: / } }] }",
  right:
    "spec: { volumes: [{ name: work, emptyDir: {} }, { name: data, persistentVolumeClaim: { claimName: data } }] }",
};

export const reservedVolume: PodRule = {
  title: "a container reaches into a volume of the gateway",
  why: "They hold the gateway's token and keys. The bundle that says whom to trust is for all, to read, at one place.",
  fix: "Remove the mount; the bundle is mounted read-only into every container by admission.",
  remedy: "refused",
  find: ({ containers }) => containers.flatMap((placed) => [...wrongMounts(placed), ...wrongFiles(placed)]),
  wrong:
    "spec: { containers: [{ name: app, image: app, volumeMounts: [{ name: gw-token, mountPath: /token }] }] }",
  right: `spec: { containers: [{ name: app, image: app, volumeMounts: [{ name: ${VOLUMES.ca}, mountPath: ${PATHS.ca}, readOnly: true }] }] }`,
};

function wrongMounts({ field, container }: PlacedContainer): readonly Found[] {
  const mounts = (container.volumeMounts ?? []).map((mount, index) => ({
    mount,
    at: `${field}.volumeMounts[${index}]`,
  }));
  const twice = [isCaMount, isServiceAccountMount].flatMap((isOne) =>
    mounts.filter(({ mount }) => isOne(mount)).slice(1),
  );
  return [
    ...mounts
      .filter(({ mount }) => isReservedVolume(mount.name) && !isBundleMount(mount))
      .map(({ mount, at }) => ({ field: at, message: `${mount.name} is the gateway's` })),
    ...twice.map(({ at }) => ({ field: at, message: "mounts the bundle twice" })),
    ...(container.volumeDevices ?? []).flatMap(({ name }, index) =>
      isReservedVolume(name)
        ? [{ field: `${field}.volumeDevices[${index}]`, message: `${name} is the gateway's` }]
        : [],
    ),
  ];
}

/** The kubelet reads a variable out of a file of an emptyDir, whether or not the container mounts it. */
function wrongFiles({ field, container }: PlacedContainer): readonly Found[] {
  return (container.env ?? []).flatMap(({ valueFrom }, index) => {
    const name = valueFrom?.fileKeyRef?.volumeName;
    if (name === undefined || !isReservedVolume(name)) return [];
    return [{ field: `${field}.env[${index}].valueFrom.fileKeyRef`, message: `${name} is the gateway's` }];
  });
}

export const trustBundle: PodRule = {
  title: "a container does not have the bundle that says whom to trust",
  why: "Clients in it could not verify the gateway, and would be told by somebody else whom to trust.",
  fix: "Let admission mount it.",
  remedy: "forced",
  find: ({ containers }) =>
    containers.flatMap(({ field, kind, container }) =>
      // An ephemeral container may have been admitted while only the policies of the cluster were there to ask.
      kind === "ephemeral" || container.volumeMounts?.some(isCaMount) === true
        ? []
        : [{ field: `${field}.volumeMounts`, message: `lacks ${VOLUMES.ca} at ${PATHS.ca}, read-only` }],
    ),
  wrong: "spec: { containers: [{ name: app, image: app }] }",
  right: "spec: { containers: [{ name: app, image: app, volumeMounts: [] }] }",
};

const RESERVED_PATHS = [posix.dirname(PATHS.ca), SERVICE_ACCOUNT_FOLDER];

export const reservedPath: PodRule = {
  title: "a container mounts something where the gateway's files are",
  why: "Programs find there whom to trust; what lies over it would be trusted instead.",
  fix: `Mount it elsewhere than below ${RESERVED_PATHS.join(" and ")}.`,
  remedy: "refused",
  find: ({ containers }) => containers.flatMap(pathsInTheWay),
  wrong:
    "spec: { volumes: [{ name: mine, emptyDir: {} }], containers: [{ name: app, image: app, " +
    "volumeMounts: [{ name: mine, mountPath: /run/../var/run//sallyport/ca/mine }] }] }",
  right:
    "spec: { volumes: [{ name: mine, emptyDir: {} }], containers: [{ name: app, image: app, " +
    "volumeMounts: [{ name: mine, mountPath: /var/run/sallyports }] }] }",
};

function pathsInTheWay({ field, container }: PlacedContainer): readonly Found[] {
  const found = (at: string, path: string): readonly Found[] => {
    const reserved = reservedPathOf(path);
    return reserved === undefined ? [] : [{ field: `${field}.${at}`, message: `lies below ${reserved}` }];
  };
  return [
    ...(container.volumeMounts ?? []).flatMap((mount, index) =>
      isBundleMount(mount) ? [] : found(`volumeMounts[${index}].mountPath`, mount.mountPath),
    ),
    ...(container.volumeDevices ?? []).flatMap(({ devicePath }, index) =>
      found(`volumeDevices[${index}].devicePath`, devicePath),
    ),
    ...found("terminationMessagePath", container.terminationMessagePath ?? ""),
  ];
}

/** /var/run is a link to /run in most images. */
function reservedPathOf(path: string): string | undefined {
  const plain = posix.resolve("/", path).replace(/^\/run(?=\/|$)/, "/var/run");
  return RESERVED_PATHS.find((reserved) => plain === reserved || plain.startsWith(`${reserved}/`));
}

export const mountPropagation: PodRule = {
  title: "a mount is passed on to the node, or taken over from it",
  why: "What the node mounts later would appear in the agent, and the other way about.",
  fix: "Leave mountPropagation out.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      (container.volumeMounts ?? []).flatMap((mount: V1VolumeMount, index) =>
        mount.mountPropagation === undefined || mount.mountPropagation === "None"
          ? []
          : [
              {
                field: `${field}.volumeMounts[${index}].mountPropagation`,
                message: `is ${mount.mountPropagation}`,
              },
            ],
      ),
    ),
  wrong:
    "spec: { volumes: [{ name: work, emptyDir: {} }], containers: [{ name: app, image: app, " +
    "volumeMounts: [{ name: work, mountPath: /work, mountPropagation: HostToContainer }] }] }",
  right:
    "spec: { volumes: [{ name: work, emptyDir: {} }], containers: [{ name: app, image: app, " +
    "volumeMounts: [{ name: work, mountPath: /work, mountPropagation: None }] }] }",
};

export const blockDevice: PodRule = {
  title: "a container has a volume as a raw device",
  why: "A device is a file of the kernel's, and what can be asked of it depends on the driver.",
  fix: "Let the claim have volumeMode: Filesystem, and mount it.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      (container.volumeDevices ?? []).map(({ name }, index) => ({
        field: `${field}.volumeDevices[${index}]`,
        message: `${name} is handed over as a device`,
      })),
    ),
  wrong:
    "spec: { volumes: [{ name: disk, persistentVolumeClaim: { claimName: disk } }], containers: [{ name: app, image: app, " +
    "volumeDevices: [{ name: disk, devicePath: /dev/xvda }] }] }",
  right:
    "spec: { volumes: [{ name: disk, persistentVolumeClaim: { claimName: disk } }], containers: [{ name: app, image: app, " +
    "volumeMounts: [{ name: disk, mountPath: /disk }] }] }",
};
