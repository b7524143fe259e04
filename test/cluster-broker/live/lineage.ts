/** Families of pods on a real API server: each is made with the token that is bound to the one above it. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import type { Lineage } from "#broker/lineage/lineage.ts";
import type { LivePod } from "#broker/pods/pods.ts";
import { type Refusal, isRefusal } from "#core/values/refusal.ts";
import type { KubernetesCluster } from "#operator/broker/cluster.ts";
import { siblingsIn } from "#operator/broker/lineage/children.ts";
import { LINEAGE_DEFAULT } from "#operator/broker/settings.ts";
import { LEASES, NAMESPACES, PODS, objectKey } from "#operator/kube/resource.ts";
import { LABELS, ORIGIN } from "#operator/names.ts";
import { originOfUser, stamped } from "#test/chart/support/agents.ts";
import { plugin } from "../support/people.ts";
import { childOf as launchedBy, permitLaunching, unstamped } from "../support/family.ts";
import { type Agent, NAMESPACE, type Node, type World, call, forever } from "../support/world.ts";

const KEY = "k".repeat(43);
const GENERATIONS = 4;
const ASKED = 10;

export function lineageCases(world: () => World): void {
  let namespace = "";
  let node: Node;
  before(async () => {
    namespace = await world().enforced();
    node = await world().node();
    await permitLaunching(world(), namespace);
  });

  const boss = (): Promise<Agent> => world().agent(namespace, node);
  const childOf = (parent: Agent): Promise<Agent> => launchedBy(world(), { namespace, node }, parent);
  async function inspected(of: Agent, by: KubernetesCluster = world().replica()): Promise<LivePod> {
    const pod = await by.inspect(await of.claim(), forever);
    if (isRefusal(pod)) throw new Error(`${pod.code}: ${pod.publicText}\n${world().told.at(-1) ?? ""}`);
    return pod;
  }
  const above = ({ lineage }: LivePod): readonly string[] =>
    known(lineage).ancestors.map(
      ({ kind, identity }) => identity.pod?.name ?? `${kind} ${identity.user?.name}`,
    );

  describe("lineage", () => {
    test("is who really launched whom, up to the person, and deeper costs one question more each", async (t) => {
      const family = [await boss()];
      for (let count = 0; count < GENERATIONS; count += 1) family.push(await childOf(family.at(-1) as Agent));
      const last = family.at(-1) as Agent;
      const names = family.slice(0, -1).map(({ name }) => name);
      assert.deepEqual(above(await inspected(last)), [...names.toReversed(), "person administrator"]);
      for (const [depth, agent] of [
        [0, family[0]],
        [GENERATIONS, last],
      ] as const) {
        const claim = await (agent as Agent).claim();
        const replica = world().replica();
        const took: number[] = [];
        for (let count = 0; count < ASKED; count += 1) {
          const startMs = performance.now();
          await replica.inspect(claim, forever);
          took.push(performance.now() - startMs);
        }
        const p50 = took.toSorted((a, b) => a - b)[ASKED / 2]?.toFixed(1);
        t.diagnostic(`figure lineage.inspect-depth-${depth}-rights-asked-anew-p50-ms=${p50}`);
      }
    });

    test("cannot be told otherwise by who launches: policies of the API server refuse it", async () => {
      const [one, other] = [await boss(), await boss()];
      const { api } = world().guarded;
      const config = await api.asServiceAccount(namespace, "default", { name: one.name, uid: one.uid });
      const mine = await originOfUser(config);
      const create = (pod: V1Pod) =>
        config.makeApiClient(CoreV1Api).createNamespacedPod({ namespace, body: pod });
      const bare = unstamped(world().guarded.agent(namespace));
      await create(stamped(bare, mine));
      for (const forged of [
        { ...mine, [ORIGIN.podUid]: other.uid },
        { ...mine, [ORIGIN.user]: "administrator" },
      ])
        await assert.rejects(create(stamped(bare, forged)), /does not say who|origin|forbidden/i);
      await assert.rejects(create(bare), /origin|forbidden|denied/i);
    });

    test("stands when somebody in it ends, is on record for as long as it is named, and no longer", async () => {
      const parent = await boss();
      const [middle, replica] = [await childOf(parent), world().replica()];
      const child = await childOf(middle);
      for (const one of [parent, middle, child])
        assert.equal(await replica.pin(await inspected(one), KEY, forever), undefined);
      const before = above(await inspected(child));
      await middle.gone();
      const after = await inspected(child);
      assert.equal(known(after.lineage).ended?.uid, middle.uid);
      assert.deepEqual(above(after), before, "what was above it is on record");
      await replica.pins.sweep(call);
      assert.deepEqual(above(await inspected(child)), before, "the one that lives names it");
      await child.gone();
      await replica.pins.sweep(call);
      await replica.pins.sweep(call);
      const lease = (uid: string) => world().kube.get(LEASES, objectKey(NAMESPACE, `pod-${uid}`), call);
      assert.equal(await lease(middle.uid), undefined);
      assert.ok((await lease(parent.uid)) !== undefined, "that one lives");
    });

    test("is shown by kubectl in columns of its own", async () => {
      const parent = await boss();
      const child = await childOf(parent);
      await world()
        .replica()
        .pin(await inspected(child), KEY, forever);
      const columns = ["generation", "parent", "root"].map((column) => `sallyport.dev/${column}`).join();
      const { code, stdout } = await world().guarded.api.kubectl([
        "get",
        "leases",
        "-n",
        NAMESPACE,
        "-l",
        `sallyport.dev/parent=${parent.uid}`,
        "-L",
        columns,
        "--no-headers",
      ]);
      assert.equal(code, 0);
      assert.match(
        stdout,
        new RegExp(`^pod-${child.uid} +${namespace}/${child.name} +\\S+ +1 +${parent.uid} +person\\s*$`),
      );
    });

    test("is shown as trees by kubectl sallyport", async () => {
      const parent = await boss();
      const child = await childOf(parent);
      const grandchild = await childOf(child);
      await child.gone();
      const { kubeconfig } = world().guarded.api;
      const whole = await plugin(["lineage", "-n", namespace, "--kubeconfig", kubeconfig]);
      assert.equal(whole.code, 0, whole.err);
      assert.match(
        whole.out,
        new RegExp(`user administrator[^]*─ ${namespace}/${parent.name} +default +Running`),
      );
      const branch = await plugin(["lineage", grandchild.name, "-n", namespace, "--kubeconfig", kubeconfig]);
      assert.match(
        branch.out,
        new RegExp(
          `${namespace}/${child.name} +default +not there\\s+└─ ${namespace}/${grandchild.name} +default +Running`,
        ),
      );
      assert.ok(!branch.out.includes(parent.name), "of somebody who is gone nobody knows here who was above");
      assert.equal(
        (await plugin(["lineage", "nobody", "-n", namespace, "--kubeconfig", kubeconfig])).code,
        1,
      );
    });

    test("has a depth, and so many children at a time: those that came first keep what they have", async () => {
      const parent = await boss();
      const [first, second] = [await childOf(parent), await childOf(parent)];
      const { items } = await world().kube.list(PODS, { namespace, ...call });
      const children = items.filter(({ metadata }) => metadata.annotations?.[ORIGIN.podUid] === parent.uid);
      const siblings = siblingsIn({ by: (_, uid) => (uid === parent.uid ? children : []) });
      const limited = (more: object): KubernetesCluster =>
        world().replica(undefined, { lineage: { ...LINEAGE_DEFAULT, ...more }, siblings });
      const [kept, refused] = isOlder(children, first, second) ? [first, second] : [second, first];
      assert.ok(!isRefusal((await inspected(kept, limited({ childrenMax: 1 }))).lineage));
      limitedBy((await inspected(refused, limited({ childrenMax: 1 }))).lineage, /more than 1 children/);
      limitedBy((await inspected(first, limited({ depthMax: 0 }))).lineage, /more than 0 agents/);
    });

    // The last one of this namespace: nobody is held to anything in it afterwards.
    test("keeps an agent as an agent when the label is taken off its namespace", async () => {
      const parent = await boss();
      const child = await childOf(parent);
      const claim = await child.claim();
      const path = `/metadata/labels/${LABELS.enforce.replaceAll("/", "~1")}`;
      await world().kube.patch(NAMESPACES, namespace, [{ op: "remove", path }], call);
      const pod = await world().replica().inspect(claim, forever);
      assert.ok(isRefusal(pod));
      assert.equal(pod.code, "POD_UNTRUSTED", "the child itself gets nothing there");
      await world().kube.patch(NAMESPACES, namespace, [{ op: "add", path, value: "" }], call);
      assert.deepEqual(above(await inspected(child)), [parent.name, "person administrator"]);
    });
  });
}

function known(lineage: Lineage | Refusal): Lineage {
  if (isRefusal(lineage)) throw new Error(`${lineage.code}: ${lineage.publicText}`);
  return lineage;
}

function limitedBy(lineage: Lineage | Refusal, words: RegExp): void {
  assert.ok(isRefusal(lineage));
  assert.equal(lineage.code, "LINEAGE_LIMIT");
  assert.match(lineage.publicText, words);
}

interface Dated {
  readonly metadata: { readonly uid?: string; readonly creationTimestamp?: string };
}

function isOlder(all: readonly Dated[], one: Agent, other: Agent): boolean {
  const keyOf = ({ uid }: Agent): string =>
    `${all.find(({ metadata }) => metadata.uid === uid)?.metadata.creationTimestamp} ${uid}`;
  return keyOf(one) < keyOf(other);
}
