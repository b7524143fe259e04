/** Names, ports and annotations that are the gateway's. */
import { ANNOTATIONS, AUTHOR, CONTAINERS, GROUP, ORIGIN, PORTS_RESERVED } from "../../../names.ts";
import { isReservedContainer, isReservedVolume, type PodView } from "../view.ts";
import type { Found, PodRule } from "./rule.ts";

export const reservedName: PodRule = {
  title: "a container or volume bears a name of the gateway",
  why: "Rules, policies and people tell the gateway by its name. Nothing is skipped because something is already called so.",
  fix: "Give it another name. The gateway itself is put in by admission: leave it out.",
  remedy: "refused",
  find: ({ containers, volumes }) => [
    ...containers
      .filter(({ container }) => isReservedContainer(container.name))
      .map(({ field, container }) => ({
        field: `${field}.name`,
        message: `${container.name} is the gateway's`,
      })),
    ...volumes
      .filter(({ volume }) => isReservedVolume(volume.name))
      .map(({ field, volume }) => ({ field: `${field}.name`, message: `${volume.name} is the gateway's` })),
  ],
  wrong: "spec: { containers: [{ name: gw, image: app }] }",
  right: "spec: { containers: [{ name: gateway, image: app }] }",
};

/** What may stand on a pod; all of it is written at admission. */
const OUR_ANNOTATIONS: ReadonlySet<string> = new Set([
  ANNOTATIONS.injected,
  ...Object.values(ORIGIN),
  ...Object.values(AUTHOR),
]);

export const isReservedKey = (key: string): boolean => {
  const prefix = key.split("/")[0]?.toLowerCase() ?? "";
  return key.includes("/") && (prefix === GROUP || prefix.endsWith(`.${GROUP}`));
};

export const reservedMetadata: PodRule = {
  title: "a label or annotation is under sallyport.dev/, or an annotation is for the gateway's container",
  why:
    "Ours are written at admission and say who made the pod; none of them switches anything off. Runtimes and their plugins take " +
    "profiles, devices and mounts for a container out of annotations that end with its name.",
  fix: "Remove it. There is no label and no annotation that opts out.",
  remedy: "refused",
  find: ({ pod }) => [
    ...reservedKeys(pod.metadata?.labels, "metadata.labels", new Set()),
    ...reservedKeys(pod.metadata?.annotations, "metadata.annotations", OUR_ANNOTATIONS),
    ...Object.keys(pod.metadata?.annotations ?? {})
      .filter(isForGateway)
      .map((key) => ({ field: `metadata.annotations[${key}]`, message: "is for the gateway's container" })),
  ],
  wrong: `metadata: { annotations: { sallyport.dev/inject: "false" } }`,
  right: `metadata: { annotations: { example.com/inject: "false" } }`,
};

/**
 * `container.apparmor.security.beta.kubernetes.io/gw`, `devices.nri.io/container.gw`. Not by a regular expression that looks back: the
 * key comes before the API server has looked at it, and may be a megabyte of slashes.
 */
function isForGateway(key: string): boolean {
  const slash = key.indexOf("/");
  if (slash === -1) return false;
  const name = key.slice(slash + 1);
  return Object.values(CONTAINERS).some(
    (ours) => name === ours || name.endsWith(`.${ours}`) || name.endsWith(`/${ours}`),
  );
}

function reservedKeys(
  keys: Readonly<Record<string, string>> | undefined,
  field: string,
  allowed: ReadonlySet<string>,
): readonly Found[] {
  return Object.keys(keys ?? {})
    .filter((key) => isReservedKey(key) && !allowed.has(key))
    .map((key) => ({ field: `${field}[${key}]`, message: "is reserved" }));
}

export const reservedPort: PodRule = {
  title: "a container declares a port of the gateway",
  why: `Ports ${PORTS_RESERVED.first} to ${PORTS_RESERVED.last} are the gateway's in every pod; nobody could reach it there.`,
  fix: "Listen on another port.",
  remedy: "refused",
  find: ({ containers }) =>
    containers.flatMap(({ field, container }) =>
      (container.ports ?? []).flatMap(({ containerPort, hostPort }, index) =>
        Object.entries({ containerPort, hostPort }).flatMap(([name, port]) =>
          isReservedPort(port)
            ? [{ field: `${field}.ports[${index}].${name}`, message: `${port} is the gateway's` }]
            : [],
        ),
      ),
    ),
  wrong: "spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 15001 }] }] }",
  right: "spec: { containers: [{ name: app, image: app, ports: [{ containerPort: 15100 }] }] }",
};

const isReservedPort = (port: number | undefined): boolean =>
  port !== undefined && port >= PORTS_RESERVED.first && port <= PORTS_RESERVED.last;

export const brokerAlias: PodRule = {
  title: "hostAliases give the broker another address",
  why: "The file is shared by all containers. The gateway does not read it; whoever debugs it would be misled.",
  fix: "Remove the alias.",
  remedy: "refused",
  find: (view) =>
    (view.spec.hostAliases ?? []).flatMap(({ hostnames }, index) =>
      (hostnames ?? []).flatMap((name, nth) =>
        isBroker(view, name)
          ? [{ field: `spec.hostAliases[${index}].hostnames[${nth}]`, message: `${name} is the broker` }]
          : [],
      ),
    ),
  wrong: "spec: { hostAliases: [{ ip: 203.0.113.9, hostnames: [sallyport-broker.sallyport-system.svc] }] }",
  right: "spec: { hostAliases: [{ ip: 203.0.113.9, hostnames: [orders.example] }] }",
};

/** `name.namespace` of a Service is as good as its whole name. */
function isBroker({ brokerHosts }: PodView, name: string): boolean {
  const plain = name.toLowerCase().replace(/\.$/, "");
  return brokerHosts.some((host) => {
    if (plain === host) return true;
    const [service, namespace] = host.split(".");
    return (
      host.includes(".svc") &&
      (plain === `${service}.${namespace}` || plain.startsWith(`${service}.${namespace}.svc`))
    );
  });
}
