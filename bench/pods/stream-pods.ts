/** Pods for gateways that are simulated: real to the API server, and run by nobody. */
import { setTimeout as pause } from "node:timers/promises";
import { ApiException, CoreV1Api } from "@kubernetes/client-node";
import { BROKER_AUDIENCE, TOKEN_SECONDS } from "#operator/names.ts";
import type { BenchCluster } from "./cluster.ts";
import type { StreamPod } from "./streams.ts";

const AT_ONCE = 8;

/** One for each of these addresses, side by side and with as few questions as they take. */
export async function makePods(
  { kubernetes: { guarded }, namespace, node }: BenchCluster,
  addresses: readonly string[],
): Promise<readonly StreamPod[]> {
  const { api, core } = guarded;
  const kubelet = api.as(`system:node:${node.name}`, { groups: ["system:nodes"] }).makeApiClient(CoreV1Api);
  const waiting = addresses.values();
  const made: StreamPod[] = [];

  async function makeEach(): Promise<void> {
    for (const address of waiting) {
      const wanted = guarded.agent(namespace);
      const spec = { containers: [], ...wanted.spec, nodeName: node.name };
      const { metadata } = await core.createNamespacedPod({ namespace, body: { ...wanted, spec } });
      const { name = "", uid = "" } = metadata ?? {};
      const value = { phase: "Running", podIP: address, podIPs: [{ ip: address }] };
      await core.patchNamespacedPodStatus({ namespace, name, body: [{ op: "add", path: "/status", value }] });
      const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
      const { status } = await onceKnown(() =>
        kubelet.createNamespacedServiceAccountToken({
          namespace,
          name: "default",
          body: { spec: { audiences: [BROKER_AUDIENCE], expirationSeconds: TOKEN_SECONDS, boundObjectRef } },
        }),
      );
      made.push({ address, token: status?.token ?? "" });
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, makeEach));
  return made;
}

const KNOWN_MS_MAX = 10_000;
const POLL_MS = 20;

/** Whether a pod is of a node's is looked up in what the API server has watched, which is a moment behind what it has stored. */
async function onceKnown<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const endMs = Date.now() + KNOWN_MS_MAX;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiException && error.code === 404) || Date.now() > endMs) throw error;
      await pause(POLL_MS);
    }
  }
}
