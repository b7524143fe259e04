/** Pods that launch pods, each with the token that is bound to the one above it, as its own client would use it. */
import assert from "node:assert/strict";
import { CoreV1Api, RbacAuthorizationV1Api, type V1Pod } from "@kubernetes/client-node";
import { ORIGIN } from "#operator/names.ts";
import { originOfUser, stamped } from "#test/chart/support/agents.ts";
import { type Agent, type Node, type World, agentIn } from "./world.ts";

/** Lets pods of the namespace launch others. */
export async function permitLaunching({ guarded: { api } }: World, namespace: string): Promise<void> {
  const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["create"] }];
  await rbac.createNamespacedRole({ namespace, body: { metadata: { name: "launcher" }, rules } });
  await rbac.createNamespacedRoleBinding({
    namespace,
    body: {
      metadata: { name: "launcher" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "launcher" },
      subjects: [{ kind: "ServiceAccount", name: "default", namespace }],
    },
  });
}

/** Stamped with what the API server says of the token: its policies let nothing else pass. */
export async function childOf(
  world: World,
  {
    namespace,
    node,
    ip = "10.1.2.3",
  }: { readonly namespace: string; readonly node: Node; readonly ip?: string },
  parent: Agent,
): Promise<Agent> {
  const { guarded } = world;
  const boundTo = { name: parent.name, uid: parent.uid };
  const config = await guarded.api.asServiceAccount(namespace, "default", boundTo);
  const origin = await originOfUser(config);
  assert.equal(origin[ORIGIN.podUid], parent.uid);
  const wanted = stamped(unstamped(guarded.agent(namespace)), origin);
  const spec = { ...wanted.spec, containers: wanted.spec?.containers ?? [], nodeName: node.name };
  const { metadata } = await config
    .makeApiClient(CoreV1Api)
    .createNamespacedPod({ namespace, body: { ...wanted, spec } });
  const agent = agentIn(world, namespace, node.name, metadata ?? {});
  await agent.status({ phase: "Running", podIPs: [{ ip }], podIP: ip });
  return agent;
}

/** Without the administrator's stamps. */
export function unstamped(pod: V1Pod): V1Pod {
  const ours: ReadonlySet<string> = new Set(Object.values(ORIGIN));
  const annotations = Object.fromEntries(
    Object.entries(pod.metadata?.annotations ?? {}).filter(([key]) => !ours.has(key)),
  );
  return { ...pod, metadata: { ...pod.metadata, annotations } };
}
