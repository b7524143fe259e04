/** T37: pods that a node makes by itself, of which the API server has a mirror. */
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import type { Attack, Threat } from "../support/attack.ts";
import { podAttack } from "../support/pods.ts";
import type { Stage } from "../support/stage.ts";

const MIRROR = "kubernetes.io/config.mirror";

interface Node {
  readonly name: string;
  readonly uid: string;
  readonly core: CoreV1Api;
}

async function node({ administrator, as }: Stage): Promise<Node> {
  const { metadata } = await administrator.createNode({ body: { metadata: { generateName: "node-" } } });
  const { name = "", uid = "" } = metadata ?? {};
  return { name, uid, core: as(`system:node:${name}`, ["system:nodes"]).makeApiClient(CoreV1Api) };
}

/** As a kubelet writes it for a manifest in its folder; nobody can keep it from running that. */
const mirror = ({ name, uid }: Node, more: Partial<NonNullable<V1Pod["spec"]>> = {}): V1Pod => ({
  metadata: {
    generateName: "static-",
    annotations: { [MIRROR]: "a1", "kubernetes.io/config.source": "file" },
    ownerReferences: [{ apiVersion: "v1", kind: "Node", name, uid, controller: true }],
  },
  spec: { nodeName: name, containers: [{ name: "app", image: "app" }], ...more },
});

const byNode = (
  name: string,
  attempt: (stage: Stage) => Promise<unknown>,
  refusedAnyway: RegExp,
): Attack => ({
  name,
  attempt: async (stage) => (await attempt(stage)) !== undefined,
  refusedAnyway,
});

/** Where nobody mutates what a node says it runs. */
async function withNode<Answer>(
  stage: Stage,
  act: (by: Node, namespace: string) => Promise<Answer>,
): Promise<Answer> {
  return act(await node(stage), await stage.unlabelled());
}

export const STATIC_PODS: Threat = {
  id: "T37",
  title: "static pods and their mirrors",
  attacks: [
    podAttack({
      name: "a person's pod that says it is a mirror",
      pod: `{ metadata: { annotations: { ${MIRROR}: a1, kubernetes.io/config.source: file } }, spec: { nodeName: node-1 } }`,
      refusal: /Fix: |mirror/,
    }),
    byNode(
      "a node's mirror with a service account",
      async (stage) =>
        withNode(stage, (by, namespace) =>
          by.core.createNamespacedPod({ namespace, body: mirror(by, { serviceAccountName: "default" }) }),
        ),
      /service account/,
    ),
    byNode(
      "a token for the broker, bound to a node's mirror",
      async (stage) =>
        withNode(stage, async (by, namespace) => {
          const made = await by.core.createNamespacedPod({ namespace, body: mirror(by) });
          const { name = "", uid = "" } = made.metadata ?? {};
          const boundObjectRef = { apiVersion: "v1", kind: "Pod", name, uid };
          const body = { spec: { audiences: [BROKER_AUDIENCE], boundObjectRef } };
          return by.core.createNamespacedServiceAccountToken({ namespace, name: "default", body });
        }),
      /service account|is forbidden/,
    ),
  ],
};
