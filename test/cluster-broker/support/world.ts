/**
 * The chart on a real API server, and the broker's cluster side with the rights of the chart's service account and no others. What a
 * kubelet does is done by hand: pods run because their status says so, and tokens come from the name of a node.
 */
import { randomUUID } from "node:crypto";
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import type { PodClaim } from "#broker/pods/pods.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { writerFacts } from "#operator/admission/facts/writers.ts";
import { registryOf } from "#operator/admission/origin/registry.ts";
import { type ClusterOptions, type KubernetesCluster, kubernetesCluster } from "#operator/broker/cluster.ts";
import { LINEAGE_DEFAULT } from "#operator/broker/settings.ts";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import { ownedObjects } from "#operator/reconcile/owned.ts";
import { openLog } from "#runtime/log.ts";
import { type Guarded, startGuarded } from "#test/chart/support/cluster.ts";
import { NAMESPACE } from "#test/chart/support/helm.ts";

import type { Flags } from "#tools/cluster/control-plane.ts";

export { NAMESPACE };
export const forever = new AbortController().signal;
export const call = { signal: forever };

export interface World extends AsyncDisposable {
  readonly guarded: Guarded;
  /** The administrator's. */
  readonly kube: Kube;
  /** The broker's own. */
  readonly brokerKube: Kube;
  /** As one replica has it, with nothing in memory of what others have seen. */
  replica(kube?: Kube, more?: Partial<ClusterOptions>): KubernetesCluster;
  /** What replicas have told people, as lines. */
  readonly told: string[];
  /** An enforced namespace in which the broker has its roles. */
  enforced(): Promise<string>;
  node(): Promise<Node>;
  agent(namespace: string, node: Node, pod?: Partial<V1Pod>): Promise<Agent>;
}

export interface Node {
  readonly name: string;
  /** As after power came back. */
  reboot(): Promise<void>;
}

export interface Agent {
  readonly name: string;
  readonly uid: string;
  token(): Promise<Buffer>;
  claim(): Promise<PodClaim>;
  /** As its kubelet would. */
  status(status: V1Pod["status"]): Promise<void>;
  /** Deleted, and its containers have ended. */
  gone(): Promise<void>;
}

export async function startWorld(flags: Flags = {}): Promise<World> {
  await using started = new AsyncDisposableStack();
  const guarded = started.use(await startGuarded(flags));
  const { api, core, injection } = guarded;
  const kube = started.use(openKube(api.config));
  const brokerKube = started.use(openKube(await api.asServiceAccount(NAMESPACE, "sallyport-broker")));
  const told: string[] = [];
  const log = openLog({ write: (line) => told.push(line), nowMs: Date.now, level: "debug" });
  const ended = new AbortController();
  started.defer(() => ended.abort());
  const replica = (of: Kube = brokerKube, more: Partial<ClusterOptions> = {}): KubernetesCluster =>
    kubernetesCluster({
      kube: of,
      namespace: NAMESPACE,
      injection,
      writers: writerFacts({
        kube: of,
        namespaces: () => [],
        forMs: { near: 0, far: 0 },
        signal: ended.signal,
      }),
      lineage: LINEAGE_DEFAULT,
      registry: () => registryOf([]),
      siblings: { olderThan: () => 0, isNamed: () => false },
      log,
      ...more,
    });
  const kept = started.move();
  return {
    guarded,
    kube,
    brokerKube,
    replica,
    told,
    async enforced() {
      const namespace = await guarded.enforced();
      for (const { resource, object } of ownedObjects(
        namespace,
        { systemNamespace: NAMESPACE, networkPolicy: false },
        { authorityPem: undefined },
      ))
        await kube.apply<never>(resource as never, object as never, call);
      return namespace;
    },
    async node() {
      const name = `node-${randomUUID()}`;
      const boot = async (): Promise<void> => {
        const nodeInfo = { bootID: randomUUID() } as never;
        await core.patchNodeStatus({
          name,
          body: [{ op: "add", path: "/status/nodeInfo", value: nodeInfo }],
        });
      };
      await core.createNode({ body: { metadata: { name } } });
      await boot();
      return { name, reboot: boot };
    },
    async agent(namespace, node, pod = {}) {
      const wanted = guarded.agent(namespace, pod);
      const { metadata } = await core.createNamespacedPod({
        namespace,
        body: {
          ...wanted,
          spec: { ...wanted.spec, containers: wanted.spec?.containers ?? [], nodeName: node.name },
        },
      });
      const agent = agentOf(guarded, namespace, node.name, metadata ?? {}, replica());
      await agent.status({ phase: "Running", podIPs: [{ ip: "10.1.2.3" }], podIP: "10.1.2.3" });
      return agent;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Of a pod that somebody else has made. */
export function agentIn(
  { guarded, replica }: World,
  namespace: string,
  node: string,
  metadata: NonNullable<V1Pod["metadata"]>,
): Agent {
  return agentOf(guarded, namespace, node, metadata, replica());
}

function agentOf(
  { api, core }: Guarded,
  namespace: string,
  node: string,
  { name = "", uid = "" }: NonNullable<V1Pod["metadata"]>,
  cluster: KubernetesCluster,
): Agent {
  const kubelet = api.as(`system:node:${node}`, { groups: ["system:nodes"] }).makeApiClient(CoreV1Api);
  const token = async (): Promise<Buffer> => {
    const asked = await kubelet.createNamespacedServiceAccountToken({
      namespace,
      name: "default",
      body: {
        spec: {
          audiences: [BROKER_AUDIENCE],
          expirationSeconds: 600,
          boundObjectRef: { apiVersion: "v1", kind: "Pod", name, uid },
        },
      },
    });
    return Buffer.from(asked.status?.token ?? "");
  };
  return {
    name,
    uid,
    token,
    async gone() {
      await core.deleteNamespacedPod({ namespace, name, gracePeriodSeconds: 0 });
    },
    async claim() {
      const claim = await cluster.review(await token(), forever);
      if (isRefusal(claim)) throw new Error(`${claim.code}: ${claim.publicText}`);
      return claim;
    },
    async status(status) {
      const body = [{ op: "add", path: "/status", value: status }];
      await core.patchNamespacedPodStatus({ namespace, name, body });
    },
  };
}
