/** Pods below others, at the broker: what is handed on, what ends with whom, and what is said of it. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, test } from "node:test";
import { decodeJwt } from "jose";
import type { Lineage } from "#broker/lineage/lineage.ts";
import type { SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import type { Identity } from "#core/policy/facts.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import { ROOTED } from "#test/broker/support/cluster-model.ts";
import { type ModelSubject, TroubledCluster, modelWorld } from "./support/model-world.ts";
import { type Rig, policyFor, startRig } from "./support/rig.ts";
import { tokenForm } from "./support/subject.ts";

const BOSS_UID = "5f0c1e2a-8a57-4c1b-9b0e-0a6f6f2d9a11";
const BOSS: Identity = {
  serviceAccount: { namespace: "shop", name: "boss" },
  pod: { namespace: "shop", name: "boss-1", uid: BOSS_UID },
};
const BELOW: Lineage = { ...ROOTED, ancestors: [{ kind: "agent", identity: BOSS }, ...ROOTED.ancestors] };
const BEREAVED: Lineage = { ...BELOW, ended: BOSS.pod };

const allow = (delegate: "no" | "also" | "only") => [
  { name: "read", delegate, postgres: { preset: "readOnly" as const, tables: ["public.*"] } },
];
const ofBoss = (more: Partial<SecretAccessPolicy["spec"]>) => {
  const source = policyFor({ namespace: "shop", name: "boss" }, more);
  assert.ok(source.state === "good");
  const metadata = { ...source.policy.metadata, name: "boss" };
  return {
    ...source,
    origin: "/policies/boss.yaml",
    policy: { ...source.policy, metadata } as SecretAccessPolicy,
  };
};
const ofChild = (more: Partial<SecretAccessPolicy["spec"]> = {}) =>
  policyFor({ namespace: "shop", name: "agent" }, more);

describe("a pod below another", () => {
  const cluster = new TroubledCluster();
  let rig: Rig;
  const opened: ModelSubject[] = [];
  before(async () => {
    rig = await startRig(cluster);
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one[Symbol.asyncDispose]();
    rig.clock.aheadMs = 0;
  });
  after(() => rig[Symbol.asyncDispose]());

  async function child(lineage: Lineage = BELOW): Promise<ModelSubject> {
    cluster.nextLineage = lineage;
    const one = await modelWorld(rig, cluster).subject();
    opened.push(one);
    return one;
  }

  test("has what the one above hands on, and nothing where that one keeps it", async () => {
    rig.configure([ofChild(), ofBoss({ allow: allow("only") })]);
    const one = await child();
    for (const carrier of ["exchange", "renew", "token"] as const)
      assert.equal(await one.ask[carrier](), "granted", carrier);
    rig.configure([ofChild(), ofBoss({ allow: allow("no") })]);
    assert.equal(await one.isLeased(), false);
    for (const carrier of ["exchange", "token"] as const)
      assert.equal(await one.ask[carrier](), "DENY_NOT_DELEGATED", carrier);
  });

  test("has it for no longer than the one above", async () => {
    const expires = new Date(Date.now() + 60_000).toISOString().replace(/\.\d+Z/, "Z");
    rig.configure([ofChild(), ofBoss({ allow: allow("also"), expires })]);
    const one = await child();
    const { expires_in: seconds } = JSON.parse((await one.post(tokenForm(await one.token()))).text) as {
      expires_in: number;
    };
    assert.ok(seconds > 0 && seconds <= 60, String(seconds));
    rig.clock.aheadMs = 61_000;
    rig.broker.sweep();
    assert.equal(await one.isLeased(), false);
  });

  test("carries who is above it in its tokens, outermost who acts now", async () => {
    rig.configure([ofChild(), ofBoss({ allow: allow("also") })]);
    const one = await child();
    const answer = JSON.parse((await one.post(tokenForm(await one.token()))).text) as {
      access_token: string;
    };
    const { act, sub } = decodeJwt<{ act: { sub: string; act: unknown } }>(answer.access_token);
    assert.equal(sub, "system:serviceaccount:shop:agent");
    assert.equal(act.sub, `sallyport://pod/${one.claim.uid}`);
    assert.deepEqual(act.act, {
      sub: `sallyport://pod/${BOSS_UID}`,
      "kubernetes.io": { namespace: "shop", pod: { name: "boss-1", uid: BOSS_UID } },
      act: { sub: "ada" },
    });
  });

  test("is refused by a guardrail against the one above, and by one against itself", async () => {
    const guardrail = (subject: object) =>
      ({
        state: "good",
        origin: "/policies/revoked.yaml",
        policy: {
          apiVersion: "sallyport.dev/v1alpha1",
          kind: "ClusterSecretAccessPolicy",
          metadata: { name: "revoked" },
          spec: { subjects: [subject], deny: [{ name: "all", postgres: {} }] },
        },
      }) as ReturnType<typeof policyFor>;
    const good = [ofChild(), ofBoss({ allow: allow("also") })];
    rig.configure(good);
    const one = await child();
    for (const subject of [
      { descendantsOf: { pod: { uid: BOSS_UID } } },
      { pod: { uid: BOSS_UID } },
      { pod: { uid: one.claim.uid } },
    ]) {
      assert.equal(await one.ask.exchange(), "granted");
      rig.configure([...good, guardrail(subject)]);
      assert.equal(await one.ask.exchange(), "DENY_RULE", JSON.stringify(subject));
      assert.equal(await one.isLeased(), false);
      rig.configure([...good, guardrail({ pod: { uid: "somebody-else" } })]);
      assert.equal(await one.ask.exchange(), "granted", "nobody else is meant");
    }
  });

  for (const how of ["the watch tells of it", "it is found out at the renewal"] as const)
    test(`keeps what it has for as long as it has it when the one above ends, and gets nothing more: ${how}`, async () => {
      rig.configure([ofChild(), ofBoss({ allow: allow("also") })]);
      const one = await child();
      one.pod.lineage = BEREAVED;
      if (how === "the watch tells of it") rig.broker.endPod(BOSS_UID, refusal("POD_ENDED"));
      assert.equal(await one.ask.exchange(), "LINEAGE_ENDED");
      assert.equal(await one.ask.token(), "LINEAGE_ENDED");
      rig.clock.aheadMs = 4 * 60_000;
      assert.equal(await one.ask.renew(), "granted", "as long as it was");
      assert.equal(await one.isLeased(), true);
      rig.clock.aheadMs = 5 * 60_000 + 1_000;
      rig.broker.sweep();
      assert.equal(await one.isLeased(), false, "and no longer");
      assert.equal(await one.ask.renew(), "LINEAGE_ENDED");
    });

  test("ends with the one above where any policy says so, also one that says it afterwards", async () => {
    const [finish, end] = (["finish", "end"] as const).map((whenParentEnds) => [
      ofChild({ whenParentEnds }),
      ofBoss({ allow: allow("also") }),
    ]);
    assert.ok(finish && end);
    rig.configure(end);
    const one = await child();
    one.pod.lineage = BEREAVED;
    assert.equal(await one.isLeased(), true);
    rig.broker.endPod(BOSS_UID, refusal("POD_ENDED"));
    assert.equal(await one.isLeased(), false);
    rig.configure(finish);
    const other = await child();
    other.pod.lineage = BEREAVED;
    rig.broker.endPod(BOSS_UID, refusal("POD_ENDED"));
    assert.equal(await other.isLeased(), true);
    rig.configure(end);
    assert.equal(await other.isLeased(), false);
  });

  test("ends nothing when somebody else ends", async () => {
    rig.configure([ofChild({ whenParentEnds: "end" }), ofBoss({ allow: allow("also") })]);
    const one = await child();
    rig.broker.endPod("somebody-else", refusal("POD_ENDED"));
    assert.equal(await one.isLeased(), true);
  });

  test("that can become somebody else's is looked at again, and ends when it has", async () => {
    rig.configure([ofChild(), ofBoss({ allow: allow("also") })]);
    const one = await child({ ...BELOW, isAdoptable: true });
    const never = new AbortController().signal;
    await rig.broker.recheckAdoptable(never);
    assert.equal(await one.isLeased(), true);
    one.pod.lineage = { ...ROOTED, isAdoptable: true };
    await rig.broker.recheckAdoptable(never);
    assert.equal(await one.isLeased(), false);
    assert.equal(await one.ask.renew(), "LINEAGE_CHANGED");
  });

  test("that nobody has claimed is enrolled, and served as soon as somebody does", async () => {
    rig.configure([ofChild()]);
    cluster.nextLineage = refusal("LINEAGE_UNKNOWN");
    const { pin } = cluster;
    let hadToWait = false;
    cluster.pin = async (pod, key) => {
      hadToWait ||= isRefusal(pod.lineage);
      const claimed = cluster.pods.get(pod.claim.uid);
      assert.ok(claimed !== undefined);
      claimed.lineage = { ...ROOTED, isAdoptable: true };
      return pin(pod, key);
    };
    try {
      const one = await modelWorld(rig, cluster).subject();
      opened.push(one);
      assert.equal(hadToWait, true);
      assert.equal(await one.ask.exchange(), "granted");
    } finally {
      cluster.pin = pin;
    }
  });
});
