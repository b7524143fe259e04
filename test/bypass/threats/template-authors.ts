/** T36: somebody edits what somebody else's controller makes pods from, and code runs under the name of who wrote it first. */
import { AppsV1Api, CoreV1Api, type V1Deployment, type V1Pod } from "@kubernetes/client-node";
import { AUTHOR, ORIGIN } from "#operator/names.ts";
import { STRATEGIC } from "#test/chart/support/verdicts.ts";
import { type Attack, Refused, type Threat } from "../support/attack.ts";
import type { Stage } from "../support/stage.ts";

const ALICE = "alice";
const MALLORY = "mallory";
const LABELS = { app: "web" };

type Edit = (apps: AppsV1Api, at: { readonly namespace: string; readonly name: string }) => Promise<unknown>;

const apps = ({ as }: Stage, user: string): AppsV1Api => as(user).makeApiClient(AppsV1Api);
const controller = ({ as }: Stage, name: string) =>
  as(`system:serviceaccount:kube-system:${name}-controller`, ["attackers", "system:serviceaccounts"]);

/** Alice's Deployment, edited by Mallory; whose the pods are that its controllers make of it then. */
async function whoseAfter(stage: Stage, edit: Edit): Promise<string | undefined> {
  const { namespace } = stage;
  const made = await apps(stage, ALICE).createNamespacedDeployment({
    namespace,
    body: {
      metadata: { generateName: "web-" },
      spec: {
        replicas: 1,
        selector: { matchLabels: LABELS },
        template: { metadata: { labels: LABELS }, spec: { containers: [{ name: "app", image: "app" }] } },
      },
    },
  });
  const name = made.metadata?.name ?? "";
  await edit(apps(stage, MALLORY), { namespace, name });
  const { annotations = {} } = (await rolledOut(stage, { namespace, name })).metadata ?? {};
  return annotations[AUTHOR.user] ?? annotations[ORIGIN.user];
}

/** As the controllers of a cluster do it, which do not run here. */
async function rolledOut(
  stage: Stage,
  at: { readonly namespace: string; readonly name: string },
): Promise<V1Pod> {
  const { namespace } = at;
  const deployment = await apps(stage, ALICE).readNamespacedDeployment(at);
  const template = deployment.spec?.template ?? {};
  const replicaSet = await controller(stage, "deployment")
    .makeApiClient(AppsV1Api)
    .createNamespacedReplicaSet({
      namespace,
      body: {
        metadata: {
          generateName: `${at.name}-`,
          labels: LABELS,
          annotations: deployment.metadata?.annotations ?? {},
          ownerReferences: [ownedBy("Deployment", deployment)],
        },
        spec: { replicas: 1, selector: { matchLabels: LABELS }, template },
      },
    });
  return controller(stage, "replicaset")
    .makeApiClient(CoreV1Api)
    .createNamespacedPod({
      namespace,
      body: {
        metadata: {
          generateName: `${at.name}-`,
          labels: LABELS,
          ownerReferences: [ownedBy("ReplicaSet", replicaSet)],
        },
        spec: { containers: [], ...template.spec },
      },
    });
}

function ownedBy(kind: string, { metadata: { name = "", uid = "" } = {} }: Pick<V1Deployment, "metadata">) {
  return { apiVersion: "apps/v1", kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** Whoever only says how many there are, has written nothing that they run. */
async function scaledStaysAlices(stage: Stage): Promise<void> {
  const scale: Edit = (by, at) =>
    by.patchNamespacedDeploymentScale({ ...at, body: { spec: { replicas: 3 } } }, STRATEGIC);
  const whose = await whoseAfter(stage, scale);
  if (whose !== ALICE) throw new Refused(`pods of a Deployment that was scaled are ${String(whose)}'s`);
}

const editing = (name: string, container: object): Attack => ({
  name,
  attempt: async (stage) => {
    const body = { spec: { template: { spec: { containers: [{ name: "app", ...container }] } } } };
    const edit: Edit = (by, at) => by.patchNamespacedDeployment({ ...at, body }, STRATEGIC);
    return (await whoseAfter(stage, edit)) !== MALLORY;
  },
  twin: scaledStaysAlices,
});

export const TEMPLATE_AUTHORS: Threat = {
  id: "T36",
  title: "somebody else's Deployment is edited",
  attacks: [
    editing("another image", { image: "evil" }),
    editing("another command", { command: ["evil"] }),
    editing("a variable more", { env: [{ name: "LD_PRELOAD", value: "/evil.so" }] }),
  ],
};
