/**
 * Containers that are added to a living pod (`kubectl debug`). They are held to what all others are held to, and come late: the
 * kubelet starts them without waiting for init containers, so before the rules of capture stand they are refused.
 */
import type { V1EphemeralContainer, V1Pod } from "@kubernetes/client-node";
import { CONTAINERS } from "../../names.ts";
import type { CheckEphemeral, InjectEphemeral, PodFacts, PodFinding } from "./contract.ts";
import { hardenContainer } from "./harden.ts";
import { FINDINGS_MAX, judge } from "./judge.ts";
import { containersOf, gatewayOf, isReservedContainer, specOf, type PodView } from "./view.ts";

export const injectEphemeral: InjectEphemeral = (pod, oldPod, facts) => {
  const spec = specOf(pod);
  const known = namesOf(oldPod);
  const hardened = {
    ...pod,
    spec: {
      ...spec,
      ephemeralContainers: (spec.ephemeralContainers ?? []).map((container) =>
        known.has(container.name) ? container : hardenContainer(container, spec, facts.rootless),
      ),
    },
  };
  const findings = checkEphemeral(hardened, oldPod, facts);
  return findings.length > 0 ? { outcome: "refused", findings } : { outcome: "injected", pod: hardened };
};

export const checkEphemeral: CheckEphemeral = (pod, oldPod, facts) => {
  const known = namesOf(oldPod);
  const view = addedView(pod, known, facts);
  if (view.containers.length === 0) return [];
  return [
    ...early(oldPod),
    ...view.containers.flatMap(({ field, container }) => target(field, container)),
    ...judge(view).map(forDebuggers),
  ].slice(0, FINDINGS_MAX);
};

export const EPHEMERAL_RULES = {
  "ephemeral-early": {
    title: "an ephemeral container comes before capture is in force",
    fix: "Wait until the pod's gw-init has ended well, then try again.",
  },
  "ephemeral-target": {
    title: "an ephemeral container asks for the processes of the gateway",
    fix: "Target a container of your own: kubectl debug --target=NAME.",
  },
} as const;

/** The pod with nothing in it but what is new, so that what was there before is not held against whoever debugs it. */
function addedView(pod: V1Pod, known: ReadonlySet<string>, facts: PodFacts): PodView {
  const ephemeralContainers = specOf(pod).ephemeralContainers ?? [];
  const spec = { containers: [], automountServiceAccountToken: false, ephemeralContainers };
  const containers = containersOf(spec).filter(
    ({ kind, container }) => kind === "ephemeral" && !known.has(container.name),
  );
  return {
    pod: { spec },
    spec,
    facts: { ...facts, mayWriteOurKinds: false },
    containers,
    volumes: [],
    gatewayUid: gatewayOf(pod).gateway?.securityContext?.runAsUser,
    settings: undefined,
    brokerHosts: [],
    apiAudiences: [],
  };
}

/** By default kubectl asks for more than a debugger gets here. */
function forDebuggers(finding: PodFinding): PodFinding {
  if (finding.rule !== "added-capability" && finding.rule !== "privileged") return finding;
  return { ...finding, fix: "Ask for less: kubectl debug --profile=restricted." };
}

function early(oldPod: V1Pod): readonly PodFinding[] {
  if (gatewayOf(oldPod).init === undefined) return [];
  const status = oldPod.status?.initContainerStatuses?.find(({ name }) => name === CONTAINERS.init);
  if (status?.state?.terminated?.exitCode === 0) return [];
  return [
    {
      field: "spec.ephemeralContainers",
      rule: "ephemeral-early",
      message: "the pod's traffic is not captured yet, and ephemeral containers do not wait for it",
      fix: EPHEMERAL_RULES["ephemeral-early"].fix,
    },
  ];
}

function target(field: string, container: V1EphemeralContainer): readonly PodFinding[] {
  const { targetContainerName: name } = container;
  if (name === undefined || !isReservedContainer(name)) return [];
  return [
    {
      field: `${field}.targetContainerName`,
      rule: "ephemeral-target",
      message: `${name} is the gateway's`,
      fix: EPHEMERAL_RULES["ephemeral-target"].fix,
    },
  ];
}

const namesOf = (pod: V1Pod): ReadonlySet<string> =>
  new Set(specOf(pod).ephemeralContainers?.map(({ name }) => name));
