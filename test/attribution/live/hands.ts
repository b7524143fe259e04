/** Workloads that change hands, and what only looks so (T36). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Kube, openKube, type PatchOperation } from "#operator/kube/client.ts";
import { type KubeObject, objectKey, PODS } from "#operator/kube/resource.ts";
import { AUTHOR, ORIGIN } from "#operator/names.ts";
import { forever, until, type World } from "#test/webhook/support/world.ts";
import { refusal } from "#test/webhook/live/pods.ts";
import { startAgent } from "../support/agent.ts";
import { podsOf, specOf, type WorkloadKind, WORKLOADS, whose, type Workload } from "../support/made.ts";

const call = { signal: forever };
const MASTERS = { groups: ["system:masters"] };

export function handsCases(world: () => World): void {
  const make = (kube: Kube, kind: WorkloadKind, namespace: string, more: object = {}): Promise<Workload> =>
    kube.create(
      WORKLOADS[kind],
      { metadata: { name: "shop", namespace }, spec: { ...specOf(kind, "shop", "one"), ...more } },
      call,
    );
  const replicaSet = async (
    kube: Kube,
    namespace: string,
    image: string,
  ): Promise<KubeObject | undefined> => {
    const { items } = await kube.list(WORKLOADS.ReplicaSet, { namespace, ...call });
    return items.find(({ spec }) => JSON.stringify(spec).includes(`"image":"${image}"`));
  };
  const untilWhose = (kube: Kube, namespace: string, image: string, word: string): Promise<true> =>
    until(`the pods of ${image} are ${word}'s`, async () => {
      const pods = await podsOf(kube, namespace, "shop", forever);
      const of = pods.filter(({ spec }) => spec?.containers[0]?.image === image);
      return of.length > 0 && of.every((pod) => whose(pod) === word) ? true : undefined;
    });
  const image = (of: string): PatchOperation => ({
    op: "replace",
    path: "/spec/template/spec/containers/0/image",
    value: of,
  });

  describe("a Deployment", () => {
    test("is whose the last change of its template was; scaling, labels and a restart are none", async () => {
      const { kube, api } = world();
      const agent = await startAgent(world());
      const { namespace } = agent;
      const key = objectKey(namespace, "shop");
      using asAgent = openKube(agent.config);
      using asBob = openKube(api.as("bob", MASTERS));
      await make(asAgent, "Deployment", namespace);
      await untilWhose(kube, namespace, "one", agent.word);
      // What bob does to it without touching what it runs.
      await asBob.patch(
        WORKLOADS.Deployment,
        key,
        [{ op: "replace", path: "/spec/replicas", value: 2 }],
        call,
      );
      await asBob.patch(
        WORKLOADS.Deployment,
        key,
        [{ op: "add", path: "/metadata/labels", value: { team: "bob" } }],
        call,
      );
      const restarted = await api.kubectl(["rollout", "restart", "deployment/shop", "-n", namespace], {
        as: { user: "bob", ...MASTERS },
      });
      assert.equal(restarted.code, 0, restarted.stderr);
      await until("the restart has come to pods", async () => {
        const pods = await podsOf(kube, namespace, "shop", forever);
        return pods.some(({ metadata }) => metadata.annotations?.["kubectl.kubernetes.io/restartedAt"])
          ? true
          : undefined;
      });
      await untilWhose(kube, namespace, "one", agent.word);
      // And what makes it his.
      const edited = await asBob.patch(WORKLOADS.Deployment, key, [image("two")], call);
      assert.equal(whose(edited), "bob");
      await untilWhose(kube, namespace, "two", "bob");
      assert.equal(whose((await replicaSet(kube, namespace, "one")) ?? edited), agent.word);
    });

    test("that is rolled back is whose the undoing was, though its ReplicaSet is an old one", async () => {
      const { kube, api } = world();
      const agent = await startAgent(world());
      const { namespace } = agent;
      using asAgent = openKube(agent.config);
      using asBob = openKube(api.as("bob", MASTERS));
      await make(asBob, "Deployment", namespace, { strategy: { type: "Recreate" } });
      await untilWhose(kube, namespace, "one", "bob");
      await asAgent.patch(WORKLOADS.Deployment, objectKey(namespace, "shop"), [image("two")], call);
      await untilWhose(kube, namespace, "two", agent.word);
      const before = await replicaSet(kube, namespace, "one");
      const undone = await api.kubectl(["rollout", "undo", "deployment/shop", "-n", namespace], {
        as: { user: "carol", ...MASTERS },
      });
      assert.equal(undone.code, 0, undone.stderr);
      const taken = await until("the old ReplicaSet is taken up again", async () => {
        const now = await replicaSet(kube, namespace, "one");
        return now !== undefined && whose(now) === "carol" ? now : undefined;
      });
      assert.equal(taken.metadata.uid, before?.metadata.uid);
      await untilWhose(kube, namespace, "one", "carol");
    });
  });

  test("a StatefulSet's pods of an old revision are whose that was, when they are made anew", async () => {
    const { kube, api } = world();
    const agent = await startAgent(world());
    const { namespace } = agent;
    using asAgent = openKube(agent.config);
    using asBob = openKube(api.as("bob", MASTERS));
    await make(asAgent, "StatefulSet", namespace, {
      replicas: 2,
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 1 } },
    });
    await untilWhose(kube, namespace, "one", agent.word);
    await asBob.patch(WORKLOADS.StatefulSet, objectKey(namespace, "shop"), [image("two")], call);
    await untilWhose(kube, namespace, "two", "bob");
    const old = await kube.get(PODS, objectKey(namespace, "shop-0"), call);
    assert.equal(old?.spec?.containers[0]?.image, "one");
    await kube.delete(PODS, objectKey(namespace, "shop-0"), call);
    await until("it is made anew", async () => {
      const now = await kube.get(PODS, objectKey(namespace, "shop-0"), call);
      return now !== undefined && now.metadata.uid !== old?.metadata.uid ? true : undefined;
    });
    await untilWhose(kube, namespace, "one", agent.word);
  });

  describe("is not had by writing it", () => {
    test("an owner that one does not make things for", async () => {
      const { kube } = world();
      const agent = await startAgent(world());
      const { namespace } = agent;
      const owner = await make(kube, "ReplicaSet", namespace, { replicas: 0 });
      using asAgent = openKube(agent.config);
      const { uid = "" } = owner.metadata;
      const ownerReferences = [
        { apiVersion: "apps/v1", kind: "ReplicaSet", name: "shop", uid, controller: true },
      ];
      const spec = { containers: [{ name: "app", image: "app" }] };
      const pod = await asAgent.create(
        PODS,
        { metadata: { name: "forged", namespace, ownerReferences }, spec },
        call,
      );
      assert.equal(whose(pod), agent.word);
      assert.equal(pod.metadata.annotations?.[AUTHOR.from], undefined);
      const metadata = { name: "forged", namespace, ownerReferences };
      const job = await asAgent.create(WORKLOADS.Job, { metadata, spec: specOf("Job", "forged") }, call);
      assert.equal(whose(job), agent.word);
    });

    test("names of ours in a template, at first or later", async () => {
      const { kube } = world();
      const agent = await startAgent(world());
      const { namespace } = agent;
      using asAgent = openKube(agent.config);
      const annotations = {
        [ORIGIN.user]: "administrator",
        [AUTHOR.user]: "administrator",
        [AUTHOR.from]: "Owner",
      };
      const withThem = (kind: WorkloadKind): object => {
        const spec = structuredClone(specOf(kind, "shop")) as {
          template: { metadata: object };
          jobTemplate?: { metadata: object };
        };
        if (spec.jobTemplate === undefined)
          spec.template.metadata = { ...spec.template.metadata, annotations };
        else spec.jobTemplate = { ...spec.jobTemplate, metadata: { annotations } };
        return spec;
      };
      for (const kind of ["Deployment", "Job", "CronJob", "StatefulSet", "DaemonSet"] as const) {
        const making = asAgent.create(
          WORKLOADS[kind],
          { metadata: { name: "shop", namespace }, spec: withThem(kind) },
          call,
        );
        assert.match((await refusal(() => making)).message, /not for templates/, kind);
      }
      await make(asAgent, "Deployment", namespace);
      const later = asAgent.patch(
        WORKLOADS.Deployment,
        objectKey(namespace, "shop"),
        [{ op: "add", path: "/spec/template/metadata/annotations", value: annotations }],
        call,
      );
      assert.match((await refusal(() => later)).message, /not for templates/);
      assert.equal(
        (await podsOf(kube, namespace, "shop", forever)).filter((pod) => whose(pod) !== agent.word).length,
        0,
      );
    });

    test("a token that is bound to no pod", async () => {
      const { api } = world();
      const agent = await startAgent(world());
      const { namespace } = agent;
      using unbound = openKube(await api.asServiceAccount(namespace, "default"));
      const spec = { containers: [{ name: "app", image: "app" }] };
      const pod = unbound.create(PODS, { metadata: { name: "lost", namespace }, spec }, call);
      assert.match((await refusal(() => pod)).message, /bound to no pod/);
      const job = make(unbound, "Job", namespace);
      assert.match((await refusal(() => job)).message, /bound to no pod/);
      using asAgent = openKube(agent.config);
      await make(asAgent, "Deployment", namespace);
      const key = objectKey(namespace, "shop");
      const edit = unbound.patch(WORKLOADS.Deployment, key, [image("two")], call);
      assert.match((await refusal(() => edit)).message, /bound to no pod/);
      await unbound.patch(
        WORKLOADS.Deployment,
        key,
        [{ op: "replace", path: "/spec/replicas", value: 0 }],
        call,
      );
    });
  });
}
