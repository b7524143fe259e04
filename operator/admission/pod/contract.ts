/** What injecting and checking a pod take and answer. Both are pure: the webhooks and every exchange call the same functions. */
import type { V1Pod, V1ResourceRequirements } from "@kubernetes/client-node";

/** What becomes of a container that does not say as whom it runs, or says root. */
export const ROOTLESS = ["deny", "force", "rootNoCaps"] as const;
/**
 * `deny`: a container without an explicit non-root user is refused. `force`: it is given one; explicit root is refused.
 * `rootNoCaps`: root is let through, without any capability. In no case is the user left to the image, which admission cannot see.
 */
export type Rootless = (typeof ROOTLESS)[number];

/** What an injected pod has in it; comes with the chart's values and changes with them. */
export interface Rendering {
  readonly images: { readonly init: string; readonly gateway: string };
  readonly pullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Name servers that the gateway asks; never the pod's own. */
  readonly resolvers: readonly string[];
  /** Where the gateway finds the broker, `host:port`. */
  readonly broker: string;
  readonly resources: { readonly init: V1ResourceRequirements; readonly gateway: V1ResourceRequirements };
}

/** The same for the whole cluster. */
export interface InjectionSettings extends Rendering {
  /**
   * What pods were injected with before an upgrade or a change of values, and may still have: checked pods may have any of them,
   * new pods get the present one. Without it, every running pod would lose its credentials to an upgrade.
   */
  readonly former?: readonly Rendering[];
  /** What the API server calls itself, where that is known: a token for it is a credential for the API. */
  readonly apiAudiences?: readonly string[];
  /** For namespaces that do not say. */
  readonly rootless: Rootless;
}

/** What has to be known about the surroundings of a pod. Gathered at the edge, looked up anew at every exchange. */
export interface PodFacts {
  readonly namespace: string;
  /** The namespace's own label, else the cluster's setting. */
  readonly rootless: Rootless;
  /** The pod's service account may write our kinds, so it could grant itself what it wants. */
  readonly mayWriteOurKinds: boolean;
}

/** One thing that is wrong with a pod, in words that its author can act on. */
export interface PodFinding {
  /** As kubectl would write it: `spec.containers[0].securityContext.privileged`. */
  readonly field: string;
  readonly rule: string;
  readonly message: string;
  readonly fix: string;
}

export type Injected =
  | { readonly outcome: "injected"; readonly pod: V1Pod }
  | { readonly outcome: "refused"; readonly findings: readonly PodFinding[] };

/**
 * Takes out what an earlier round put in, forces what can be forced, and puts the gateway in; a pod that cannot take it is refused.
 * `gatewayUid` is a random one of GATEWAY_UIDS; the next free one is taken where the pod itself uses that number.
 */
export type Inject = (
  pod: V1Pod,
  facts: PodFacts,
  settings: InjectionSettings,
  gatewayUid: number,
) => Injected;

/** Everything that keeps a pod, as it stands, from being trusted. Empty when nothing does. */
export type Check = (pod: V1Pod, facts: PodFacts, settings: InjectionSettings) => readonly PodFinding[];

/** Forces on new ephemeral containers what `Inject` forces on all others, or refuses them. */
export type InjectEphemeral = (pod: V1Pod, oldPod: V1Pod, facts: PodFacts) => Injected;

/** What is wrong with the ephemeral containers that `pod` has and `oldPod` had not. */
export type CheckEphemeral = (pod: V1Pod, oldPod: V1Pod, facts: PodFacts) => readonly PodFinding[];

/** What is wrong with a change of a living pod, its `resize` included. A pod that was never injected may change as it likes. */
export type CheckUpdate = (
  pod: V1Pod,
  oldPod: V1Pod,
  facts: PodFacts,
  settings: InjectionSettings,
) => readonly PodFinding[];
