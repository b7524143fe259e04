/** An agent launches others by every kind that makes pods. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { openKube } from "#operator/kube/client.ts";
import { NODES } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN } from "#operator/names.ts";
import { forever, until, type World } from "#test/webhook/support/world.ts";
import { reservedOf } from "#test/webhook/live/pods.ts";
import { type Agent, startAgent } from "../support/agent.ts";
import { podsOf, specOf, type WorkloadKind, WORKLOADS, whose } from "../support/made.ts";

const call = { signal: forever };
const MAKER: Readonly<Record<WorkloadKind, string>> = {
  CronJob: "job-controller",
  DaemonSet: "daemon-set-controller",
  Deployment: "replicaset-controller",
  Job: "job-controller",
  ReplicaSet: "replicaset-controller",
  ReplicationController: "replication-controller",
  StatefulSet: "statefulset-controller",
};

export function controllerCases(world: () => World): void {
  describe("the agent's that wrote the owner", () => {
    let agent: Agent;
    before(async () => {
      agent = await startAgent(world());
      // A DaemonSet makes a pod for each node that is not tainted.
      const node = await world().kube.create(NODES, { metadata: { name: "node-1" } }, call);
      await world().kube.patch(NODES, node.metadata.name, [{ op: "remove", path: "/spec/taints" }], call);
    });
    for (const kind of Object.keys(WORKLOADS) as WorkloadKind[])
      test(kind, async () => {
        const { kube } = world();
        const { namespace, word } = agent;
        const name = kind.toLowerCase();
        using asAgent = openKube(agent.config);
        const forged = { [AUTHOR.from]: "Owner", [AUTHOR.user]: "administrator" };
        const metadata = { name, namespace, annotations: forged };
        const owner = await asAgent.create(WORKLOADS[kind], { metadata, spec: specOf(kind, name) }, call);
        assert.equal(whose(owner), word);
        if (kind === "CronJob") await missSchedule(world(), namespace, name);
        const pods = await until(`a pod of ${kind}`, async () => {
          const found = await podsOf(kube, namespace, name, forever);
          return found.length > 0 ? found : undefined;
        });
        for (const pod of pods) {
          assert.deepEqual(reservedOf(pod), ["gw-init", "gw"]);
          assert.equal(whose(pod), word);
          const maker = pod.metadata.annotations?.[ORIGIN.user];
          assert.equal(maker, `system:serviceaccount:kube-system:${MAKER[kind]}`);
        }
      });
  });
}

/** So long ago that it is due now. */
async function missSchedule({ api }: World, namespace: string, name: string): Promise<void> {
  const yearAgo = new Date(Date.now() - 366 * 24 * 3_600_000).toISOString().replace(/\.\d+Z$/, "Z");
  const words = ["patch", "cronjob", name, "-n", namespace, "--subresource=status", "--type=merge"];
  const { code, stderr } = await api.kubectl([
    ...words,
    "-p",
    JSON.stringify({ status: { lastScheduleTime: yearAgo } }),
  ]);
  assert.equal(code, 0, stderr);
}
