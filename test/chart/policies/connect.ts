/** Getting in from outside: T13, T44. */
import { before, describe, test } from "node:test";
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import type { Guarded } from "../support/cluster.ts";
import { letThrough, refusedBy } from "../support/verdicts.ts";

export function connectPolicies(guarded: () => Guarded): void {
  describe("connecting to a pod", () => {
    let namespace = "";
    let name = "";
    before(async () => {
      const { core, agent, enforced } = guarded();
      namespace = await enforced();
      const pod = await core.createNamespacedPod({ namespace, body: agent(namespace) });
      name = pod.metadata?.name ?? "";
    });
    const core = (config: KubeConfig) => config.makeApiClient(CoreV1Api);
    const alice = () => core(guarded().api.as("alice", { groups: ["testers"] }));

    test("nobody runs a command in the gateway, the administrator included", async () => {
      for (const user of [alice(), guarded().core]) {
        for (const container of ["gw", "gw-init"]) {
          const where = { namespace, name, container, command: "id" };
          await refusedBy("sallyport-connect", () => user.connectGetNamespacedPodExec(where), /Fix: /);
          await refusedBy("sallyport-connect", () => user.connectPostNamespacedPodExec(where), /Fix: /);
          await refusedBy("sallyport-connect", () => user.connectPostNamespacedPodAttach(where), /Fix: /);
        }
        await letThrough(() =>
          user.connectPostNamespacedPodExec({ namespace, name, container: "app", command: "id" }),
        );
        await letThrough(() => user.connectPostNamespacedPodExec({ namespace, name, command: "id" }));
        await letThrough(() => user.connectPostNamespacedPodAttach({ namespace, name, container: "app" }));
      }
    });
    test("ports are reached by those who may debug", async () => {
      const forward = (user: CoreV1Api) => () =>
        user.connectPostNamespacedPodPortforward({ namespace, name });
      const proxy = (user: CoreV1Api) => () =>
        user.connectGetNamespacedPodProxy({ namespace, name: `${name}:15021` });
      const service = (user: CoreV1Api) => () =>
        user.connectGetNamespacedServiceProxy({ namespace, name: "web" });
      const bob = core(guarded().api.as("bob", { groups: ["testers", "debuggers"] }));
      for (const way of [forward, proxy, service]) {
        await refusedBy("sallyport-forward", way(alice()), /sallyport-debug/);
        await letThrough(way(bob));
      }
    });
    test("elsewhere nothing of this is asked", async () => {
      const other = await guarded().api.namespace();
      const pod = { metadata: { name: "plain" }, spec: { containers: [{ name: "gw", image: "app" }] } };
      await guarded().core.createNamespacedPod({ namespace: other, body: pod });
      const where = { namespace: other, name: "plain" };
      await letThrough(() =>
        alice().connectPostNamespacedPodExec({ ...where, container: "gw", command: "id" }),
      );
      await letThrough(() => alice().connectPostNamespacedPodPortforward(where));
    });
  });
}
