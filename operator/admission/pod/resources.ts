/**
 * Room for the gateway in a pod that says how much it takes as a whole: the API server refuses one whose containers together ask for
 * more. What is said is raised to what they need, so that asking twice changes nothing.
 */
import type { V1Container, V1PodSpec } from "@kubernetes/client-node";
import { amountOf, quantityOf } from "./quantity.ts";

type Amounts = Readonly<Record<string, string>>;

/** Kubernetes knows of cpu, memory and the sizes of huge pages; it refuses a pod that names others, which is left as it is. */
const NAMES_MAX = 32;

export function withRoom(spec: V1PodSpec): V1PodSpec {
  if (spec.resources === undefined) return spec;
  const { requests, limits } = spec.resources;
  if ([requests, limits].some((amounts) => Object.keys(amounts ?? {}).length > NAMES_MAX)) return spec;
  const raised = requests === undefined ? undefined : raise(requests, (name) => [requestOf(spec, name)]);
  const largest = (name: string): readonly bigint[] => [
    amountOf(raised?.[name]) ?? 0n,
    ...allContainers(spec).map(({ resources }) => amountOf(resources?.limits?.[name]) ?? 0n),
  ];
  return {
    ...spec,
    resources: {
      ...spec.resources,
      ...(raised === undefined ? {} : { requests: raised }),
      ...(limits === undefined ? {} : { limits: raise(limits, largest) }),
    },
  };
}

function raise(amounts: Amounts, leastOf: (name: string) => readonly bigint[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, quantity]) => {
      const given = amountOf(quantity);
      const least = leastOf(name).reduce(larger, 0n);
      return [name, given !== undefined && given < least ? quantityOf(least) : quantity];
    }),
  );
}

/**
 * What the containers of a pod ask for at any one time, as the scheduler counts: all of them with the sidecars, or an init container
 * with the sidecars that were started before it.
 */
function requestOf(spec: V1PodSpec, name: string): bigint {
  let sidecars = 0n;
  let most = 0n;
  for (const container of spec.initContainers ?? []) {
    const own = requested(container, name);
    most = larger(most, sidecars + own);
    if (container.restartPolicy === "Always") sidecars += own;
  }
  return larger(
    most,
    spec.containers.reduce((sum, container) => sum + requested(container, name), sidecars),
  );
}

/** Who sets a limit alone asks for as much. */
const requested = ({ resources }: V1Container, name: string): bigint =>
  amountOf(resources?.requests?.[name] ?? resources?.limits?.[name]) ?? 0n;

const allContainers = (spec: V1PodSpec): readonly V1Container[] => [
  ...(spec.initContainers ?? []),
  ...spec.containers,
];

const larger = (one: bigint, other: bigint): bigint => (one > other ? one : other);
