/** Who made it: T34, T36. */
import { before, describe, test } from "node:test";
import {
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  type KubeConfig,
  type V1Deployment,
} from "@kubernetes/client-node";
import { ORIGIN } from "#operator/names.ts";
import type { Origin } from "#operator/admission/origin/origin.ts";
import { stamp } from "#operator/admission/origin/stamp.ts";
import { originOfUser } from "../support/agents.ts";
import type { Guarded } from "../support/cluster.ts";
import { allowed, MERGE, refusedBy } from "../support/verdicts.ts";

const FORGED = { [ORIGIN.user]: "system:admin", [ORIGIN.groups]: "system:masters" };

function deployment(annotations: Origin, name = "shop"): V1Deployment {
  return {
    metadata: { name, annotations: { ...annotations } },
    spec: {
      selector: { matchLabels: { app: "shop" } },
      template: {
        metadata: { labels: { app: "shop" } },
        spec: { containers: [{ name: "app", image: "app" }] },
      },
    },
  };
}

export function originPolicies(guarded: () => Guarded): void {
  describe("who made a pod or a workload", () => {
    let namespace = "";
    let alice: KubeConfig;
    let origin: Origin;
    before(async () => {
      namespace = await guarded().enforced();
      alice = guarded().api.as("alice", { groups: ["testers"] });
      origin = await originOfUser(alice);
    });
    const create = (body: V1Deployment) => () =>
      alice.makeApiClient(AppsV1Api).createNamespacedDeployment({ namespace, body, dryRun: "All" });
    const createPod = (config: KubeConfig, stamps: Origin) => {
      const pod = guarded().agent(namespace);
      const body = stamp(
        { ...pod, metadata: { ...pod.metadata, annotations: pod.metadata?.annotations ?? {} } },
        stamps,
      );
      return () => config.makeApiClient(CoreV1Api).createNamespacedPod({ namespace, body, dryRun: "All" });
    };

    test("is what the API server knows of the requester, in every part", async () => {
      await allowed(createPod(alice, origin));
      await refusedBy("sallyport-origin-pods", createPod(alice, guarded().origin), /origin-user/);
      for (const fact of Object.keys(origin)) {
        const { [fact]: _left, ...rest } = origin;
        await refusedBy("sallyport-origin-pods", createPod(alice, rest), new RegExp(fact));
        await refusedBy(
          "sallyport-origin-pods",
          createPod(alice, { ...origin, [fact]: "someone" }),
          new RegExp(fact),
        );
      }
      const parent = { ...origin, [ORIGIN.podUid]: "6c1e8e9e-0000-4000-8000-000000000000" };
      await refusedBy("sallyport-origin-pods", createPod(alice, parent), new RegExp(ORIGIN.podUid));
    });
    test("for an agent with the token of its pod it names that pod", async () => {
      const { api, core, agent } = guarded();
      const parent = await core.createNamespacedPod({ namespace, body: agent(namespace) });
      const boundTo = { name: parent.metadata?.name ?? "", uid: parent.metadata?.uid ?? "" };
      await api.kubectl([
        "create",
        "rolebinding",
        "launch",
        "--clusterrole=testers",
        `--serviceaccount=${namespace}:default`,
        "-n",
        namespace,
      ]);
      const child = await api.asServiceAccount(namespace, "default", boundTo);
      const known = await originOfUser(child);
      await allowed(createPod(child, known));
      const { [ORIGIN.podUid]: uid, ...orphan } = known;
      await refusedBy("sallyport-origin-pods", createPod(child, orphan), new RegExp(ORIGIN.podUid));
      await refusedBy(
        "sallyport-origin-pods",
        createPod(child, { ...orphan, [ORIGIN.podUid]: `${uid}0` }),
        /who asks/,
      );
    });
    test("stands on workloads too", async () => {
      await allowed(create(deployment(origin)));
      await refusedBy("sallyport-origin-workloads", create(deployment({})), /origin-user/);
      await refusedBy(
        "sallyport-origin-workloads",
        create(deployment({ ...origin, ...FORGED })),
        /origin-user, .*origin-groups/,
      );
      const job = {
        metadata: { name: "job" },
        spec: { template: { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app" }] } } },
      };
      const batch = alice.makeApiClient(BatchV1Api);
      await refusedBy(
        "sallyport-origin-workloads",
        () => batch.createNamespacedJob({ namespace, body: job, dryRun: "All" }),
        /origin-user/,
      );
    });
    test("no other label or annotation of ours is let in", async () => {
      const body = deployment(origin);
      const annotated = deployment({ ...origin, "sallyport.dev/inject": "false" });
      await refusedBy("sallyport-origin-workloads", create(annotated), /metadata\.annotations/);
      const labelled = {
        ...body,
        metadata: { ...body.metadata, labels: { "sallyport.dev/enforce": "false" } },
      };
      await refusedBy("sallyport-origin-workloads", create(labelled), /metadata\.labels/);
      const below = {
        ...body,
        metadata: { ...body.metadata, labels: { "x.sallyport.dev/enforce": "false" } },
      };
      await refusedBy("sallyport-origin-workloads", create(below), /metadata\.labels/);
    });
    test("stays, whichever way it is written, while the rest may change", async () => {
      const apps = alice.makeApiClient(AppsV1Api);
      await apps.createNamespacedDeployment({ namespace, body: deployment(origin, "lasting") });
      const to = (annotations: Readonly<Record<string, string | null>>) => ({
        namespace,
        name: "lasting",
        body: { metadata: { annotations } },
      });
      for (const change of [{ [ORIGIN.user]: "bob" }, { [ORIGIN.user]: null }, { [ORIGIN.podUid]: "1" }]) {
        await refusedBy(
          "sallyport-origin-unchanged",
          () => apps.patchNamespacedDeployment(to(change), MERGE),
          /annotations/,
        );
        await refusedBy(
          "sallyport-origin-unchanged",
          () => apps.patchNamespacedDeploymentStatus(to(change), MERGE),
          /annotations/,
        );
      }
      await allowed(() => apps.patchNamespacedDeployment(to({ team: "shop" }), MERGE));
      await allowed(() =>
        apps.patchNamespacedDeploymentScale(
          { namespace, name: "lasting", body: { spec: { replicas: 3 } } },
          MERGE,
        ),
      );
    });
    test("is not brought along from where nothing is enforced", async () => {
      const other = await guarded().api.namespace();
      const apps = alice.makeApiClient(AppsV1Api);
      const elsewhere = (body: V1Deployment) => () =>
        apps.createNamespacedDeployment({ namespace: other, body, dryRun: "All" });
      await allowed(elsewhere(deployment({})));
      await refusedBy("sallyport-origin-elsewhere", elsewhere(deployment(FORGED)), /origin-/);
      await refusedBy("sallyport-origin-elsewhere", elsewhere(deployment(origin)), /origin-/);
      await apps.createNamespacedDeployment({ namespace: other, body: deployment({}) });
      const forge = { namespace: other, name: "shop", body: { metadata: { annotations: FORGED } } };
      await refusedBy(
        "sallyport-origin-elsewhere",
        () => apps.patchNamespacedDeployment(forge, MERGE),
        /origin-/,
      );
      await refusedBy(
        "sallyport-origin-elsewhere",
        () => apps.patchNamespacedDeploymentStatus(forge, MERGE),
        /origin-/,
      );
    });
    test("is not written by the way, by whoever binds the pod to a node", async () => {
      const { core, agent } = guarded();
      const pod = await core.createNamespacedPod({ namespace, body: agent(namespace) });
      const target = { apiVersion: "v1", kind: "Node", name: "node-3" };
      const name = pod.metadata?.name ?? "";
      const bind = (annotations: Readonly<Record<string, string>>) => () =>
        core.createNamespacedPodBinding({
          namespace,
          name,
          body: { metadata: { name, annotations: { ...annotations } }, target },
          dryRun: "All",
        });
      await refusedBy("sallyport-origin-bindings", bind(FORGED), /annotations/);
      await allowed(bind({ note: "1" }));
    });
  });
}
