/** Where attacks are tried: a real API server with the chart on it, first without and then with what defends it. */
import type { CoreV1Api, KubeConfig, V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import type { InjectionSettings, Rootless } from "#operator/admission/pod/contract.ts";
import { agentPod, factsOf } from "#test/chart/support/agents.ts";
import { exampleOf } from "#test/pods/surroundings.ts";
import { MERGE } from "#test/chart/support/verdicts.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";

export interface Stage {
  readonly isDefended: boolean;
  readonly api: ApiTier;
  readonly injection: InjectionSettings;
  /** Labelled as enforced, in both cases. */
  readonly namespace: string;
  /** What people with every right that Kubernetes asks for can do, and none that we ask for beside. */
  readonly attacker: CoreV1Api;
  readonly administrator: CoreV1Api;
  readonly as: (user: string, groups?: readonly string[]) => KubeConfig;
  readonly enforced: (labels?: Readonly<Record<string, string>>) => Promise<string>;
  readonly unlabelled: () => Promise<string>;
}

export const ATTACKERS = "attackers";

/** A pod of the fragment in `namespace`, as far as an API server goes without keeping it. */
export async function made(
  stage: Stage,
  fragment: string,
  namespace: string = stage.namespace,
): Promise<V1Pod> {
  return create(stage, { ...exampleOf(fragment).pod, kind: "Pod" }, namespace);
}

export async function create(
  { attacker }: Stage,
  pod: V1Pod,
  namespace: string,
  dryRun: "All" | undefined = "All",
): Promise<V1Pod> {
  const body = { ...pod, metadata: { ...pod.metadata, namespace } };
  return attacker.createNamespacedPod({ namespace, body, ...(dryRun === undefined ? {} : { dryRun }) });
}

/** What is not caught by admission is caught here, at every exchange. */
export function isTrusted({ injection }: Stage, pod: V1Pod, rootless: Rootless = "force"): boolean {
  return check(pod, factsOf(pod.metadata?.namespace ?? "", rootless), injection).length === 0;
}

/** A living pod with the gateway in it, whose capture is in force. */
export async function victim(stage: Stage, more: Partial<V1Pod> = {}): Promise<V1Pod> {
  const { administrator, injection, namespace, isDefended } = stage;
  const bare = { metadata: { generateName: "agent-" }, spec: APP, ...more };
  const body = isDefended ? bare : agentPod(factsOf(namespace), injection, bare);
  const pod = await administrator.createNamespacedPod({ namespace, body });
  const ended = {
    name: "gw-init",
    ready: true,
    restartCount: 0,
    image: "",
    imageID: "",
    state: { terminated: { exitCode: 0 } },
  };
  return administrator.patchNamespacedPodStatus(
    { ...whereIs(pod), body: { status: { initContainerStatuses: [ended] } } },
    MERGE,
  );
}

export const whereIs = (pod: V1Pod): { readonly namespace: string; readonly name: string } => ({
  namespace: pod.metadata?.namespace ?? "",
  name: pod.metadata?.name ?? "",
});

export const gatewayUidOf = (pod: V1Pod): number =>
  pod.spec?.initContainers?.find(({ name }) => name === "gw")?.securityContext?.runAsUser ?? -1;

const SIZE = { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "1", memory: "128Mi" } };
const APP = { containers: [{ name: "app", image: "app", resources: SIZE }] };

/** Whether the API server let it past itself: what only a kubelet could answer comes as an error of another kind. */
export async function reaches(ask: () => Promise<unknown>): Promise<true> {
  try {
    await ask();
  } catch (error) {
    const body = error instanceof Error && "body" in error ? String(error.body) : "";
    if (body === "" || /ValidatingAdmissionPolicy|admission webhook|is forbidden/.test(body)) throw error;
  }
  return true;
}
