/** Whose it is that a controller made, and who wrote what pods are made from: T36. The policies that the operator makes, made by the test. */
import { before, describe, test } from "node:test";
import {
  AppsV1Api,
  BatchV1Api,
  CoreV1Api,
  type KubeConfig,
  type V1Deployment,
  type V1OwnerReference,
} from "@kubernetes/client-node";
import { AUTHOR_POLICIES, authorPolicy } from "#operator/admission/origin/policies.ts";
import { accountName, type Controller, registryOf } from "#operator/admission/origin/registry.ts";
import type { Stamps } from "#operator/admission/origin/stamp.ts";
import { openKube } from "#operator/kube/client.ts";
import { VALIDATING_POLICIES, VALIDATING_POLICY_BINDINGS } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN, RESTAMPED } from "#operator/names.ts";
import { originOfUser, stamped } from "../support/agents.ts";
import { type Guarded, refusalOf } from "../support/cluster.ts";
import { NAMESPACE } from "../support/helm.ts";
import { allowed, MERGE, refusedBy } from "../support/verdicts.ts";
import { eventually } from "../support/wait.ts";

const AUTHORS = "sallyport-authors";
const FORGED = { [AUTHOR.from]: "Owner", [AUTHOR.user]: "administrator" };
const CONTROLLER = "system:serviceaccount:kube-system:replicaset-controller";
const MAKES_SANDBOXES = accountName("sandboxes", "controller");
const MENDS = accountName("reloading", "reloader");
const OUTSIDE = accountName("outside", "default");
const GROUPS = { groups: ["testers", "system:masters"] };

const controller = (user: string, more: Partial<Controller> = {}): Controller => {
  return { user, owns: [], pods: "AtCreation", keepsAuthors: false, mayBeUnbound: true, ...more };
};
const SANDBOX = {
  group: "agents.example",
  version: "v1",
  plural: "sandboxes",
  kind: "Sandbox",
  determining: [["spec", "podTemplate"]],
  isPool: false,
};
const REGISTRY = registryOf([
  controller(MAKES_SANDBOXES, { owns: [SANDBOX] }),
  controller(MENDS, { keepsAuthors: true }),
  controller(OUTSIDE),
]);

export function authorPolicies(guarded: () => Guarded): void {
  describe("whose a pod or a workload is", () => {
    let namespace = "";
    let alice: KubeConfig;
    before(async () => {
      const { api } = guarded();
      namespace = await guarded().enforced();
      alice = api.as("alice", { groups: ["testers"] });
      await put(guarded());
      const probe = podAs(alice, {}, FORGED);
      await eventually(
        async () => ((await refusalOf(await probe))?.includes(AUTHORS) === true ? true : undefined),
        () => "the policies of authors do not come into force",
      );
    });

    async function podAs(config: KubeConfig, metadata: object, more: Stamps, from = config) {
      const pod = stamped(guarded().agent(namespace), await originOfUser(from));
      const body = {
        ...pod,
        metadata: {
          ...pod.metadata,
          ...metadata,
          annotations: { ...bare(pod.metadata?.annotations), ...(await originOfUser(from)), ...more },
        },
      };
      return () => config.makeApiClient(CoreV1Api).createNamespacedPod({ namespace, body, dryRun: "All" });
    }
    const as = (user: string): KubeConfig => guarded().api.as(user, GROUPS);

    test("is said by a registered controller alone, and for the kinds of owners that it has", async () => {
      await refusedBy(AUTHORS, await podAs(alice, {}, FORGED), /author-/);
      await refusedBy(AUTHORS, await podAs(alice, owned("apps/v1", "ReplicaSet"), FORGED), /author-/);
      const made = owned("apps/v1", "ReplicaSet");
      await allowed(await podAs(as(CONTROLLER), made, FORGED));
      await refusedBy(
        AUTHORS,
        await podAs(as(CONTROLLER), owned("batch/v1", "Job"), FORGED),
        /not registered/,
      );
      await refusedBy(AUTHORS, await podAs(as(CONTROLLER), {}, FORGED), /not registered/);
      await refusedBy(AUTHORS, await podAs(as(CONTROLLER), made, {}), /whose it is/);
      await allowed(await podAs(as(CONTROLLER), {}, { [AUTHOR.from]: "Nobody" }));
      const sandbox = owned("agents.example/v1", "Sandbox");
      await allowed(await podAs(as(MAKES_SANDBOXES), sandbox, { [AUTHOR.from]: "Exchange" }));
      await refusedBy(AUTHORS, await podAs(as(MAKES_SANDBOXES), made, FORGED), /not registered/);
      await refusedBy(AUTHORS, await podAs(as(CONTROLLER), sandbox, FORGED), /not registered/);
    });

    test("is not written into templates, from which it would come to pods", async () => {
      const apps = alice.makeApiClient(AppsV1Api);
      const origin = await originOfUser(alice);
      const create =
        (body: V1Deployment, where = namespace) =>
        () =>
          apps.createNamespacedDeployment({ namespace: where, body, dryRun: "All" });
      await allowed(create(deployment("templates", origin)));
      await refusedBy(
        "sallyport-origin-workloads",
        create(deployment("templates", origin, FORGED)),
        /not for templates/,
      );
      const job = { metadata: { annotations: FORGED }, spec: { template: TEMPLATE_OF_JOB } };
      const cronJob = {
        metadata: { name: "templates", annotations: origin },
        spec: { schedule: "0 0 * * *", jobTemplate: job },
      };
      await refusedBy(
        "sallyport-origin-workloads",
        () =>
          alice
            .makeApiClient(BatchV1Api)
            .createNamespacedCronJob({ namespace, body: cronJob, dryRun: "All" }),
        /not for templates/,
      );
      const elsewhere = await guarded().api.namespace();
      await allowed(create(deployment("templates", {}), elsewhere));
      await refusedBy(
        "sallyport-origin-elsewhere",
        create(deployment("templates", {}, FORGED), elsewhere),
        /not for templates/,
      );
      await apps.createNamespacedDeployment({ namespace, body: deployment("later", origin) });
      const forge = { spec: { template: { metadata: { annotations: FORGED } } } };
      await refusedBy(
        ["sallyport-origin-unchanged", AUTHORS],
        () => apps.patchNamespacedDeployment({ namespace, name: "later", body: forge, dryRun: "All" }, MERGE),
        /not for templates|answers for it/,
      );
    });

    test("T36: is whose the last change of the template was, and nothing else changes it", async () => {
      const origin = await originOfUser(alice);
      const apps = alice.makeApiClient(AppsV1Api);
      await apps.createNamespacedDeployment({ namespace, body: deployment("hands", origin) });
      const patch = (config: KubeConfig, body: object) => () =>
        config
          .makeApiClient(AppsV1Api)
          .patchNamespacedDeployment({ namespace, name: "hands", body, dryRun: "All" }, MERGE);
      const bob = guarded().api.as("bob", { groups: ["testers"] });
      const mallory = guarded().api.as("mallory", { groups: ["testers"] });
      const image = { spec: { template: { spec: { containers: [{ name: "app", image: "other" }] } } } };
      const handed = async (to: KubeConfig) => {
        return {
          metadata: {
            annotations: { ...cleared, ...(await originOfUser(to)), [RESTAMPED]: "2026-01-01T00:00:00.000Z" },
          },
        };
      };
      await refusedBy(AUTHORS, patch(bob, image), /answers for it/);
      await allowed(patch(bob, { ...image, ...(await handed(bob)) }));
      await refusedBy(
        ["sallyport-origin-unchanged", AUTHORS],
        patch(mallory, { ...image, ...(await handed(bob)) }),
        /origin-|answers/,
      );
      await refusedBy("sallyport-origin-unchanged", patch(bob, await handed(bob)), /origin-/);
      await allowed(patch(bob, { spec: { replicas: 3 } }));
      const restart = { "kubectl.kubernetes.io/restartedAt": "2026-11-26T05:00:00Z" };
      await allowed(patch(bob, { spec: { template: { metadata: { annotations: restart } } } }));
      const odd = { "kubectl.kubernetes.io/restartedAt": "curl evil" };
      await refusedBy(
        AUTHORS,
        patch(bob, { spec: { template: { metadata: { annotations: odd } } } }),
        /answers for it/,
      );
      await allowed(patch(as(MENDS), image));
      await refusedBy(AUTHORS, patch(as(OUTSIDE), image), /answers for it/);
    });

    test("is nobody's whose token is bound to no pod, unless that is registered", async () => {
      await refusedBy(AUTHORS, await podAs(as(accountName(namespace, "default")), {}, {}), /bound to no pod/);
      await allowed(await podAs(as(OUTSIDE), {}, {}));
    });

    test("is not had by another owner, which a pod gets from registered controllers alone", async () => {
      const { core, agent } = guarded();
      const pod = await core.createNamespacedPod({ namespace, body: agent(namespace) });
      const give = (config: KubeConfig) => () =>
        config.makeApiClient(CoreV1Api).patchNamespacedPod(
          {
            namespace,
            name: pod.metadata?.name ?? "",
            body: { metadata: owned("agents.example/v1", "Sandbox") },
            dryRun: "All",
          },
          MERGE,
        );
      await refusedBy(AUTHORS, give(alice), /registered controller alone/);
      await allowed(give(as(MAKES_SANDBOXES)));
    });
  });
}

async function put({ api }: Guarded): Promise<void> {
  using kube = openKube(api.config);
  const call = { signal: AbortSignal.timeout(30_000) };
  for (const name of AUTHOR_POLICIES) {
    const { policy, binding } = authorPolicy(name, { registry: REGISTRY, systemNamespace: NAMESPACE });
    await kube.create(VALIDATING_POLICIES, policy, call);
    await kube.create(VALIDATING_POLICY_BINDINGS, binding, call);
  }
}

const TEMPLATE_OF_JOB = { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app" }] } };

function deployment(name: string, annotations: Stamps, inTemplate: Stamps = {}): V1Deployment {
  const labels = { app: name };
  const metadata = { labels, annotations: { ...inTemplate } };
  const spec = { containers: [{ name: "app", image: "app" }] };
  return {
    metadata: { name, annotations: { ...annotations } },
    spec: { selector: { matchLabels: labels }, template: { metadata, spec } },
  };
}

function owned(apiVersion: string, kind: string): { readonly ownerReferences: V1OwnerReference[] } {
  const uid = "6c1e8e9e-0000-4000-8000-000000000000";
  return { ownerReferences: [{ apiVersion, kind, name: "owner", uid, controller: true }] };
}

const cleared = Object.fromEntries(Object.values(ORIGIN).map((key) => [key, null]));

const bare = (annotations: Stamps = {}): Stamps =>
  Object.fromEntries(
    Object.entries(annotations).filter(([key]) => !Object.values<string>(ORIGIN).includes(key)),
  );
