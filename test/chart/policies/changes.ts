/** Changing a living pod: T12, T34, T35. */
import { before, describe, test } from "node:test";
import { CoreV1Api, type V1EphemeralContainer, type V1Pod } from "@kubernetes/client-node";
import { hardenContainer } from "#operator/admission/pod/harden.ts";
import { ORIGIN } from "#operator/names.ts";
import type { Guarded } from "../support/cluster.ts";
import { allowed, MERGE, refusedBy, STRATEGIC } from "../support/verdicts.ts";

const SIZE = { requests: { cpu: "100m", memory: "64Mi" }, limits: { cpu: "1", memory: "128Mi" } };

export function changePolicies(guarded: () => Guarded): void {
  describe("a living pod", () => {
    let namespace = "";
    let pod: V1Pod;
    let core: CoreV1Api;
    const where = () => ({ namespace, name: pod.metadata?.name ?? "" });
    before(async () => {
      const { agent, enforced } = guarded();
      namespace = await enforced();
      const body = agent(namespace, {
        spec: { containers: [{ name: "app", image: "app", resources: SIZE }] },
      });
      pod = await guarded().core.createNamespacedPod({ namespace, body });
      core = guarded()
        .api.as("alice", { groups: ["testers"] })
        .makeApiClient(CoreV1Api);
    });

    test("keeps the images of the gateway; its own may change", async () => {
      for (const name of ["gw-init", "gw"]) {
        const body = { spec: { initContainers: [{ name, image: "evil" }] } };
        await refusedBy(
          "sallyport-pod-changes",
          () => core.patchNamespacedPod({ ...where(), body }, STRATEGIC),
          /as they were/,
        );
      }
      const body = { spec: { containers: [{ name: "app", image: "app:2" }] } };
      await allowed(() => core.patchNamespacedPod({ ...where(), body }, STRATEGIC));
    });
    test("keeps the size of the gateway; its own may change", async () => {
      const resources = { requests: { cpu: "1m", memory: "96Mi" }, limits: { memory: "256Mi" } };
      const body = { spec: { initContainers: [{ name: "gw", resources }] } };
      await refusedBy(
        "sallyport-pod-changes",
        () => core.patchNamespacedPodResize({ ...where(), body }, STRATEGIC),
        /as they were/,
      );
      const own = {
        spec: { containers: [{ name: "app", resources: { requests: { cpu: "200m", memory: "64Mi" } } }] },
      };
      await allowed(() => core.patchNamespacedPodResize({ ...where(), body: own }, STRATEGIC));
    });
    test("keeps labels and annotations of ours, by way of its status too; others may change", async () => {
      const changes = [
        { annotations: { [ORIGIN.user]: "bob" } },
        { annotations: { [ORIGIN.user]: null } },
        { annotations: { "sallyport.dev/injected": null } },
        { labels: { "sallyport.dev/anything": "new" } },
      ];
      for (const metadata of changes) {
        const change = { ...where(), body: { metadata } };
        await refusedBy(
          "sallyport-pod-changes",
          () => core.patchNamespacedPod(change, MERGE),
          /below sallyport.dev/,
        );
        await refusedBy(
          "sallyport-pod-changes",
          () => core.patchNamespacedPodStatus(change, MERGE),
          /below sallyport.dev/,
        );
      }
      const other = {
        ...where(),
        body: { metadata: { labels: { team: "shop" }, annotations: { note: "1" } } },
      };
      await allowed(() => core.patchNamespacedPod(other, MERGE));
      await allowed(() => core.patchNamespacedPodStatus(other, MERGE));
    });
    test("takes an ephemeral container as the webhook makes it, and none that could get at the gateway", async () => {
      const debug: V1EphemeralContainer = { name: "debug", image: "app" };
      const whole = hardenContainer(debug, pod.spec ?? { containers: [] }, "force");
      const add = (container: V1EphemeralContainer) => () =>
        core.patchNamespacedPodEphemeralcontainers(
          { ...where(), body: { spec: { ephemeralContainers: [container] } }, dryRun: "All" },
          STRATEGIC,
        );
      await refusedBy("sallyport-pod-ephemeral", add(whole), /not captured yet/);
      const ended = {
        name: "gw-init",
        ready: true,
        restartCount: 0,
        image: "",
        imageID: "",
        state: { terminated: { exitCode: 0 } },
      };
      await guarded().core.patchNamespacedPodStatus(
        { ...where(), body: { status: { initContainerStatuses: [ended] } } },
        MERGE,
      );
      await allowed(add(whole));
      const securityContext = whole.securityContext ?? {};
      const gatewayUid = pod.spec?.initContainers?.[1]?.securityContext?.runAsUser ?? 0;
      const attacks: readonly Partial<V1EphemeralContainer>[] = [
        { targetContainerName: "gw" },
        { securityContext: {} },
        { securityContext: { ...securityContext, privileged: true, allowPrivilegeEscalation: true } },
        { securityContext: { ...securityContext, capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } } },
        { securityContext: { ...securityContext, capabilities: { drop: ["ALL"], add: ["SYS_PTRACE"] } } },
        { securityContext: { ...securityContext, runAsUser: gatewayUid } },
        { securityContext: { ...securityContext, runAsUser: 65_533 } },
        { securityContext: { ...securityContext, runAsUser: 0 } },
        { volumeMounts: [{ name: "gw-token", mountPath: "/token" }] },
        { volumeMounts: [{ name: "gw-state", mountPath: "/state" }] },
        { volumeMounts: [{ name: "gw-ca", mountPath: "/var/run/sallyport/ca" }] },
      ];
      for (const attack of attacks)
        await refusedBy("sallyport-pod-ephemeral", add({ ...whole, ...attack }), /Fix: /);
    });
  });
}
