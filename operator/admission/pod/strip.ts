/**
 * Takes out of a pod what an earlier round of admission put in, so that each round starts from what the author wrote. Only what is
 * recognisably ours goes: a container of the author's that happens to be called `gw` is refused later, not lost without a word.
 */
import type { V1Container, V1Pod, V1Volume, V1VolumeMount } from "@kubernetes/client-node";
import { ANNOTATIONS, CONTAINERS, VOLUMES } from "../../names.ts";
import { differences } from "./differences.ts";
import { CA_MOUNT, SERVICE_ACCOUNT_MOUNT } from "./render.ts";
import { withoutTrust } from "./trust.ts";
import { type AnyContainer, specOf } from "./view.ts";

export function strip(pod: V1Pod): V1Pod {
  const spec = specOf(pod);
  const gone = new Set(spec.volumes?.filter(isApiAccess).map(({ name }) => name));
  const clean = <C extends AnyContainer>(container: C): C => withoutTrust(withoutMounts(container, gone));
  const initContainers = spec.initContainers?.filter((container) => !isOurContainer(container)).map(clean);
  const volumes = spec.volumes?.filter((volume) => !isOurVolume(volume) && !gone.has(volume.name));
  return {
    ...pod,
    ...(pod.metadata?.annotations === undefined
      ? {}
      : { metadata: { ...pod.metadata, annotations: withoutMark(pod.metadata.annotations) } }),
    spec: {
      ...spec,
      ...(initContainers === undefined ? {} : { initContainers }),
      containers: spec.containers.map(clean),
      ...(volumes === undefined ? {} : { volumes }),
    },
  };
}

const withoutMark = ({ [ANNOTATIONS.injected]: _mark, ...rest }: Readonly<Record<string, string>>) => rest;

function isOurContainer({ name, args, env }: V1Container): boolean {
  if (name === CONTAINERS.init) return args?.[0]?.startsWith("--uid=") === true;
  return name === CONTAINERS.gateway && env?.some((variable) => variable.name === "GW_BROKER") === true;
}

function isOurVolume({ name, projected, emptyDir }: V1Volume): boolean {
  if (name === VOLUMES.token) return projected?.sources?.[0]?.serviceAccountToken !== undefined;
  return (name === VOLUMES.state || name === VOLUMES.ca) && emptyDir?.medium === "Memory";
}

/**
 * What the ServiceAccount plugin adds before webhooks are asked. It adds it again to whatever lacks it unless the pod says
 * automountServiceAccountToken: false, which `harden` does. A token that the author asked for is not this, and is judged.
 */
function isApiAccess({ name, projected }: V1Volume): boolean {
  const sources = projected?.sources ?? [];
  return (
    name.startsWith("kube-api-access-") &&
    sources.length === 3 &&
    sources.some(({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? "") === "") &&
    sources.some(({ configMap }) => configMap?.name === "kube-root-ca.crt") &&
    sources.some(({ downwardAPI }) => downwardAPI !== undefined)
  );
}

function withoutMounts<C extends AnyContainer>(container: C, gone: ReadonlySet<string>): C {
  if (container.volumeMounts === undefined) return container;
  const kept = container.volumeMounts.filter((mount) => !isBundleMount(mount) && !gone.has(mount.name));
  if (kept.length === container.volumeMounts.length) return container;
  return { ...container, volumeMounts: kept };
}

export const isCaMount = (mount: V1VolumeMount): boolean => differences(CA_MOUNT, mount, "").length === 0;
export const isServiceAccountMount = (mount: V1VolumeMount): boolean =>
  differences(SERVICE_ACCOUNT_MOUNT, mount, "").length === 0;

/** Of what a gateway shows to every container, at one of its two places. */
export const isBundleMount = (mount: V1VolumeMount): boolean =>
  isCaMount(mount) || isServiceAccountMount(mount);
