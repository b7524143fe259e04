/** Whose token, is the pod alive and as admitted, which key speaks for it, and what is in a Secret. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import {
  AdmissionregistrationV1Api,
  AuthenticationV1Api,
  CoreV1Api,
  RbacAuthorizationV1Api,
} from "@kubernetes/client-node";
import type { LivePod } from "#broker/pods/pods.ts";
import { isRefusal, type Refusal } from "#core/values/refusal.ts";
import { writerFacts } from "#operator/admission/facts/writers.ts";
import { ORIGIN } from "#operator/names.ts";
import type { PatchOperation } from "#operator/kube/client.ts";
import { LEASES, PODS, objectKey } from "#operator/kube/resource.ts";
import { eventually } from "#test/chart/support/wait.ts";
import { type Agent, NAMESPACE, type Node, type World, call, forever } from "../support/world.ts";

const ASKED = 10;
const KEY = "k".repeat(43);
const OTHER_KEY = "o".repeat(43);

export function podCases(world: () => World): void {
  let namespace = "";
  let node: Node;
  before(async () => {
    namespace = await world().enforced();
    node = await world().node();
  });
  const agent = (pod = {}): Promise<Agent> => world().agent(namespace, node, pod);
  const inspected = async (of: Agent): Promise<LivePod> => {
    const pod = await world()
      .replica()
      .inspect(await of.claim(), forever);
    if (isRefusal(pod)) throw new Error(`${pod.code}: ${pod.publicText}\n${world().told.at(-1) ?? ""}`);
    return pod;
  };

  describe("a token", () => {
    test("of a pod's gateway says which pod, under which account, on which node", async () => {
      const one = await agent();
      const { credential, serviceAccountUid, nodeUid, ...claim } = await one.claim();
      assert.deepEqual(claim, {
        uid: one.uid,
        name: one.name,
        namespace,
        serviceAccount: "default",
        nodeName: node.name,
      });
      assert.match(credential, /^JTI=/);
      for (const uid of [serviceAccountUid, nodeUid]) assert.match(uid, /^[0-9a-f-]{36}$/);
    });
    test("for the API server, for nobody, of an account without a pod, or made up, is none", async () => {
      const { api } = world().guarded;
      const core = api.config.makeApiClient(CoreV1Api);
      const of = async (audiences: string[]): Promise<string> => {
        const body = { spec: { audiences, expirationSeconds: 600 } };
        const made = await core.createNamespacedServiceAccountToken({ namespace, name: "default", body });
        return made.status?.token ?? "";
      };
      const forApi = await of([]);
      // It is a good token, where it is meant to be shown.
      const review = await api.config
        .makeApiClient(AuthenticationV1Api)
        .createTokenReview({ body: { spec: { token: forApi } } });
      assert.equal(review.status?.authenticated, true);
      for (const token of [forApi, await of(["vault.example"]), "", "made.up.token", "x".repeat(20_000)])
        refusedAs("IDENTITY_INVALID", await world().replica().review(Buffer.from(token), forever));
    });
    test("of a pod that is gone is none", async () => {
      const one = await agent();
      const token = await one.token();
      await one.gone();
      refusedAs("IDENTITY_INVALID", await world().replica().review(token, forever));
    });
  });

  describe("a pod", () => {
    test("that runs as it was admitted is told with its addresses and who it is", async (t) => {
      const one = await agent();
      const [claim, token] = [await one.claim(), await one.token()];
      const replica = world().replica();
      const { brokerKube } = world();
      const writers = writerFacts({ kube: brokerKube, namespaces: () => [], signal: forever });
      const remembering = world().replica(brokerKube, { writers });
      assert.ok(!isRefusal(await remembering.inspect(claim, forever)));
      const took: Record<string, number[]> = { review: [], "inspect-rights-asked-anew": [], inspect: [] };
      for (let count = 0; count < ASKED; count += 1) {
        const startMs = performance.now();
        assert.ok(!isRefusal(await replica.review(token, forever)));
        const reviewedMs = performance.now();
        assert.ok(!isRefusal(await replica.inspect(claim, forever)));
        const inspectedMs = performance.now();
        assert.ok(!isRefusal(await remembering.inspect(claim, forever)));
        const ms = [reviewedMs - startMs, inspectedMs - reviewedMs, performance.now() - inspectedMs];
        for (const [index, all] of Object.values(took).entries()) all.push(ms[index] ?? 0);
      }
      for (const [what, ms] of Object.entries(took))
        t.diagnostic(
          `figure cluster-broker.${what}-p50-ms=${ms.toSorted((a, b) => a - b)[ASKED / 2]?.toFixed(1)}`,
        );
      const { ips, identity, lineage, gatewayRestarts } = await inspected(one);
      assert.deepEqual(ips, ["10.1.2.3"]);
      assert.deepEqual(identity, {
        serviceAccount: { namespace, name: "default" },
        pod: { namespace, name: one.name, uid: one.uid },
      });
      assert.ok(!isRefusal(lineage), "whoever made it is known");
      assert.deepEqual(
        lineage.ancestors.map(({ kind }) => kind),
        ["person"],
      );
      assert.equal(gatewayRestarts, 0);
    });
    test("that has ended, or is gone, or is another of its name, is refused", async () => {
      const one = await agent();
      const claim = await one.claim();
      await one.status({ phase: "Succeeded" });
      refusedAs("POD_ENDED", await world().replica().inspect(claim, forever));
      await one.gone();
      refusedAs("POD_ENDED", await world().replica().inspect(claim, forever));
      const { name } = claim;
      const again = await agent({ metadata: { name } });
      assert.equal(again.name, name);
      await inspected(again);
      refusedAs("POD_ENDED", await world().replica().inspect(claim, forever));
    });
    test("that is being deleted is refused", async () => {
      const one = await agent({ metadata: { generateName: "held-", finalizers: ["example.com/held"] } });
      const claim = await one.claim();
      await world().kube.delete(PODS, objectKey(namespace, one.name), call);
      refusedAs("POD_ENDED", await world().replica().inspect(claim, forever));
    });
    test("whose account may write our kinds is refused, and so is one whose account is another by now", async () => {
      const { api } = world().guarded;
      const other = await world().enforced();
      const one = await world().agent(other, node);
      const claim = await one.claim();
      const rbac = api.config.makeApiClient(RbacAuthorizationV1Api);
      const subject = { kind: "ServiceAccount", name: "default", namespace: other };
      await rbac.createNamespacedRoleBinding({
        namespace: other,
        body: {
          metadata: { name: "author" },
          roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "sallyport-author" },
          subjects: [subject],
        },
      });
      refusedAs("POD_UNTRUSTED", await world().replica().inspect(claim, forever));
      await rbac.deleteNamespacedRoleBinding({ namespace: other, name: "author" });
      await api.config
        .makeApiClient(CoreV1Api)
        .deleteNamespacedServiceAccount({ namespace: other, name: "default" });
      refusedAs("POD_ENDED", await world().replica().inspect(claim, forever));
    });
    test("is unchecked while the API server is away, and nothing is taken from memory", async () => {
      const one = await agent();
      const claim = await one.claim();
      const replica = world().replica();
      assert.ok(!isRefusal(await replica.inspect(claim, forever)));
      await world().guarded.api.kill();
      try {
        refusedAs("POD_UNCHECKED", await replica.inspect(claim, forever));
        refusedAs("IDENTITY_UNCHECKED", await replica.review(Buffer.from("x.y.z"), forever));
        refusedAs("POD_UNCHECKED", await replica.pinned(one.uid, forever));
      } finally {
        await world().guarded.api.restart();
      }
      assert.ok(!isRefusal(await replica.inspect(claim, forever)));
    });
  });

  describe("a key", () => {
    test("speaks for its pod at every replica, and a second one does not", async () => {
      const one = await agent();
      const pod = await inspected(one);
      refusedAs("POD_ENDED", await world().replica().pinned(one.uid, forever));
      assert.equal(await world().replica().pin(pod, KEY, forever), undefined);
      assert.equal(await world().replica().pin(pod, KEY, forever), undefined, "asked again");
      const pin = await world().replica().pinned(one.uid, forever);
      assert.ok(!isRefusal(pod.lineage));
      assert.deepEqual(pin, { claim: pod.claim, keyHash: KEY, ancestors: pod.lineage.ancestors });
      refusedAs("POD_KEY_REFUSED", await world().replica().pin(pod, OTHER_KEY, forever));
      assert.match(world().told.at(-1) ?? "", /another key asked to speak/);
    });
    test("of many that are shown at once, one wins", async () => {
      const pod = await inspected(await agent());
      const keys = Array.from({ length: 8 }, (_, index) => `${index}`.repeat(43));
      const answers = await Promise.all(keys.map((key) => world().replica().pin(pod, key, forever)));
      assert.equal(answers.filter((answer) => answer === undefined).length, 1);
    });
    test("is another one after the node was started again and the gateway with it, not after either alone", async () => {
      const own = await world().node();
      const one = await world().agent(namespace, own);
      const before = await inspected(one);
      assert.equal(await world().replica().pin(before, KEY, forever), undefined);
      const restarted = { ...before, gatewayRestarts: 1 };
      refusedAs("POD_KEY_REFUSED", await world().replica().pin(restarted, OTHER_KEY, forever));
      await own.reboot();
      refusedAs("POD_KEY_REFUSED", await world().replica().pin(before, OTHER_KEY, forever));
      assert.equal(await world().replica().pin(restarted, OTHER_KEY, forever), undefined);
      refusedAs("POD_KEY_REFUSED", await world().replica().pin(restarted, KEY, forever));
    });
    test("is forgotten when its pod is gone, and not before", async () => {
      const one = await agent();
      const replica = world().replica();
      await replica.pin(await inspected(one), KEY, forever);
      await replica.pins.sweep(call);
      assert.ok(!isRefusal(await replica.pinned(one.uid, forever)));
      await one.gone();
      await replica.pins.sweep(call);
      refusedAs("POD_ENDED", await replica.pinned(one.uid, forever));
      assert.equal(await world().kube.get(LEASES, objectKey(NAMESPACE, `pod-${one.uid}`), call), undefined);
    });
  });

  // The last one: without the policies others would prove less.
  describe("a pod without policies", () => {
    test("that was changed past every webhook and policy is refused: out of shape, or made by nobody who could be", async () => {
      const [shapeless, child] = [await agent(), await agent()];
      const claims = [await shapeless.claim(), await child.claim()] as const;
      await inspected(shapeless);
      await inspected(child);
      const stamp = `/metadata/annotations/${ORIGIN.podUid.replaceAll("/", "~1")}`;
      const patch = (of: Agent, operation: PatchOperation) => () =>
        world().kube.patch(PODS, objectKey(namespace, of.name), [operation], call);
      await withoutPolicies(world(), [
        patch(shapeless, { op: "replace", path: "/spec/initContainers/1/image", value: "evil" }),
        patch(child, { op: "add", path: stamp, value: "its-maker" }),
      ]);
      refusedAs("POD_UNTRUSTED", await world().replica().inspect(claims[0], forever));
      assert.match(world().told.at(-1) ?? "", /gateway: spec\.initContainers\[1\]\.image/);
      const { lineage } = await inspected(child);
      refusedAs("LINEAGE_UNKNOWN", lineage);
    });
  });
}

export function refusedAs(code: Refusal["code"], answer: object | undefined): void {
  assert.ok(answer !== undefined && isRefusal(answer), `was let through: ${JSON.stringify(answer)}`);
  assert.equal(answer.code, code);
}

/** As somebody could who has the right to: the broker is what is left. They stay away. */
async function withoutPolicies(
  { guarded: { api } }: World,
  works: readonly (() => Promise<unknown>)[],
): Promise<void> {
  await api.config
    .makeApiClient(AdmissionregistrationV1Api)
    .deleteCollectionValidatingAdmissionPolicyBinding();
  for (const work of works)
    await eventually(
      // It takes the API server a moment to notice.
      () =>
        work().then(
          () => true as const,
          () => undefined,
        ),
      () => "the policies do not go out of force",
    );
}
