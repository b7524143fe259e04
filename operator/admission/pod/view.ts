/** A pod as the rules see it: what is the author's, what is ours, and where each stands. */
import type { V1Container, V1EphemeralContainer, V1Pod, V1PodSpec, V1Volume } from "@kubernetes/client-node";
import { CONTAINERS, VOLUMES } from "../../names.ts";
import type { InjectionSettings, PodFacts } from "./contract.ts";

export type AnyContainer = V1Container | V1EphemeralContainer;

export interface PlacedContainer {
  /** `spec.initContainers[2]` */
  readonly field: string;
  readonly kind: "init" | "app" | "ephemeral";
  readonly container: AnyContainer;
}

export interface PlacedVolume {
  readonly field: string;
  readonly volume: V1Volume;
}

export interface PodView {
  readonly pod: V1Pod;
  readonly spec: V1PodSpec;
  readonly facts: PodFacts;
  /** Containers and volumes that are not ours, wherever they stand and whatever they are called. */
  readonly containers: readonly PlacedContainer[];
  readonly volumes: readonly PlacedVolume[];
  readonly gatewayUid: number | undefined;
  /** Undefined while the gateway is not in yet, so that nothing is to be said about it. */
  readonly settings: InjectionSettings | undefined;
  /** Names by which the broker is found. */
  readonly brokerHosts: readonly string[];
  readonly apiAudiences: readonly string[];
}

/** A pod that the gateway still has to be put into: everything in it is its author's. */
export function bareView(
  pod: V1Pod,
  facts: PodFacts,
  settings: InjectionSettings,
  gatewayUid: number,
): PodView {
  const spec = specOf(pod);
  return {
    pod,
    spec,
    facts,
    containers: containersOf(spec),
    volumes: (spec.volumes ?? []).map(placeVolume),
    gatewayUid,
    settings: undefined,
    brokerHosts: [hostOf(settings.broker)],
    apiAudiences: settings.apiAudiences ?? [],
  };
}

/** A pod that has to have the gateway. What stands where the gateway belongs and bears its names is judged as the gateway. */
export function wholeView(pod: V1Pod, facts: PodFacts, settings: InjectionSettings): PodView {
  const spec = specOf(pod);
  const { init, gateway } = gatewayOf(pod);
  const ours = new Set([
    ...(init === undefined ? [] : ["spec.initContainers[0]"]),
    ...(gateway === undefined ? [] : ["spec.initContainers[1]"]),
  ]);
  return {
    pod,
    spec,
    facts,
    containers: containersOf(spec).filter(({ field }) => !ours.has(field)),
    volumes: (spec.volumes ?? []).map(placeVolume).filter(({ volume }) => !isReservedVolume(volume.name)),
    gatewayUid: gateway?.securityContext?.runAsUser,
    settings,
    brokerHosts: [hostOf(settings.broker)],
    apiAudiences: settings.apiAudiences ?? [],
  };
}

export function gatewayOf(pod: V1Pod): { readonly init?: V1Container; readonly gateway?: V1Container } {
  const [init, gateway] = pod.spec?.initContainers ?? [];
  return {
    ...(init?.name === CONTAINERS.init ? { init } : {}),
    ...(gateway?.name === CONTAINERS.gateway ? { gateway } : {}),
  };
}

export function containersOf(spec: V1PodSpec): readonly PlacedContainer[] {
  return [
    ...place("initContainers", "init", spec.initContainers),
    ...place("containers", "app", spec.containers),
    ...place("ephemeralContainers", "ephemeral", spec.ephemeralContainers),
  ];
}

function place(
  list: "initContainers" | "containers" | "ephemeralContainers",
  kind: PlacedContainer["kind"],
  containers: readonly AnyContainer[] | undefined,
): readonly PlacedContainer[] {
  return (containers ?? []).map((container, index) => ({ field: `spec.${list}[${index}]`, kind, container }));
}

const placeVolume = (volume: V1Volume, index: number): PlacedVolume => ({
  field: `spec.volumes[${index}]`,
  volume,
});

export const isReservedContainer = (name: string): boolean =>
  name === CONTAINERS.init || name === CONTAINERS.gateway;

export const isReservedVolume = (name: string): boolean =>
  name === VOLUMES.token || name === VOLUMES.state || name === VOLUMES.ca;

/** While a pod is being made nobody has asked yet whether it has a spec with containers: the API server then says null. */
export function specOf({ spec }: V1Pod): V1PodSpec {
  const containers = spec?.containers as V1PodSpec["containers"] | null | undefined;
  return { ...spec, containers: containers ?? [] };
}

const hostOf = (address: string): string => address.replace(/:\d+$/, "").toLowerCase();
