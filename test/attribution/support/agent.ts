/** An agent in a namespace of agents: a pod, and what asks with the token that is bound to it. */
import type { KubeConfig } from "@kubernetes/client-node";
import { PODS } from "#operator/kube/resource.ts";
import { forever, type World } from "#test/webhook/support/world.ts";

export interface Agent {
  readonly namespace: string;
  readonly uid: string;
  readonly config: KubeConfig;
  /** As `whose` says it. */
  readonly word: string;
}

/** `kubectl create` knows only what is there. */
const LAUNCHED = ["pods", "replicationcontrollers", "*.apps", "*.batch"];

/** In a namespace of its own, in which it may do whatever an agent may that launches others. */
export async function startAgent({ api, kube, enforced }: World): Promise<Agent> {
  const namespace = await enforced();
  const spec = { containers: [{ name: "app", image: "app" }] };
  const pod = await kube.create(PODS, { metadata: { name: "agent", namespace }, spec }, { signal: forever });
  const uid = pod.metadata.uid ?? "";
  for (const words of [
    ["role", "launch", "--verb=*", `--resource=${LAUNCHED.join(",")}`],
    ["rolebinding", "launch", "--role=launch", `--serviceaccount=${namespace}:default`],
  ]) {
    const { code, stderr } = await api.kubectl(["create", ...words, "-n", namespace]);
    if (code !== 0) throw new Error(stderr);
  }
  return {
    namespace,
    uid,
    config: await api.asServiceAccount(namespace, "default", { name: "agent", uid }),
    word: `system:serviceaccount:${namespace}:default in ${uid}`,
  };
}
