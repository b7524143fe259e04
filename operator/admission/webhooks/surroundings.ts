/** Everything that judging a pod needs besides the pod, gathered for one review. */
import type { V1Pod } from "@kubernetes/client-node";
import { KubeError } from "../../kube/error.ts";
import { NoNamespace, type NamespaceFacts, type NamespaceSays } from "../facts/namespaces.ts";
import type { WriterFacts } from "../facts/writers.ts";
import type { PodFacts } from "../pod/contract.ts";
import type { Review } from "../server/review.ts";
import { ClusterUnavailable } from "../server/webhook.ts";

export interface PodSurroundings {
  readonly facts: PodFacts;
  readonly namespace: NamespaceSays;
}

export interface GatherPods {
  readonly namespaces: NamespaceFacts;
  readonly writers: WriterFacts;
}

export async function surroundingsOf(
  { namespaces, writers }: GatherPods,
  pod: V1Pod,
  { namespace }: Review,
  signal: AbortSignal,
): Promise<PodSurroundings> {
  const account = { namespace, name: accountOf(pod) };
  const [says, writes] = await asked(() =>
    Promise.all([namespaces(namespace, signal), writers.writesOf(account, signal)]),
  );
  const facts = { namespace, rootless: says.rootless, mayWriteOurKinds: writes !== undefined };
  return { facts, namespace: says };
}

/** The API server puts the name in before any webhook is asked; without it there would be the same account. */
function accountOf(pod: V1Pod): string {
  const name = pod.spec?.serviceAccountName;
  return name === undefined || name === "" ? "default" : name;
}

/** What it lies with when it fails: the API server, or us. */
export async function asked<T>(gather: () => Promise<T>): Promise<T> {
  try {
    return await gather();
  } catch (error) {
    if (error instanceof KubeError || error instanceof NoNamespace)
      throw new ClusterUnavailable(error.message, { cause: error });
    throw error;
  }
}
