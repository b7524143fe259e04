/**
 * Random forests of pods, Jobs, Deployments, CronJobs and claimed sandboxes, launched, edited, adopted and ended by people, pipelines and
 * agents, with random policies and revocations. The operator's admission stamps, the broker decides, gateways hold sessions; the model
 * (forest/truth.ts) knows only what everybody really did. Who opens a session gets it exactly when the model says so, and a second after
 * whatever happened nobody holds one that the model denies, nor has lost one that it allows.
 *
 * That it can fail is shown: each mistake of `MISTAKES`, planted into what admission or the broker says, is found.
 */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Lineage, agentsAbove } from "#broker/lineage/lineage.ts";
import type { Cluster } from "#broker/pods/pods.ts";
import { isRefusal } from "#core/values/refusal.ts";
import { attributionAfter, attributionOf } from "#operator/admission/origin/attribution.ts";
import { stampsOn } from "#operator/admission/origin/stamp.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { type Planted, type Seen, play, plays } from "./forest/steps.ts";

const nothingSeen = (): Seen => ({ granted: 0, refused: {}, ended: {} });

/** The broker sees lineages that are not as they are. */
function seeing(change: (lineage: Lineage, uid: string) => Lineage): Planted["wrong"] {
  return (cluster: Pick<Cluster, "inspect">) => ({
    async inspect(claim, signal) {
      const pod = await cluster.inspect(claim, signal);
      if (isRefusal(pod) || isRefusal(pod.lineage)) return pod;
      return { ...pod, lineage: change(pod.lineage, claim.uid) };
    },
  });
}

const MISTAKES: Readonly<Record<string, Planted>> = {
  "whoever edits a template is not its author": {
    attributed: {
      of: attributionOf,
      after: async (_, { oldObject }) => ({ outcome: "stamps", stamps: stampsOn(oldObject) }),
    },
  },
  "whoever names an owner is taken for its controller": {
    attributed: {
      of: (options, making, signal) => {
        const [owner] = making.object.metadata?.ownerReferences ?? [];
        const userInfo = owner?.kind === "Job" ? { username: JOB_CONTROLLER } : making.userInfo;
        return attributionOf(options, { ...making, userInfo }, signal);
      },
      after: attributionAfter,
    },
  },
  "only the nearest agent above is asked": {
    wrong: seeing((lineage) => ({ ...lineage, ancestors: lineage.ancestors.slice(0, 1) })),
  },
  "an agent that has ended still hands on": {
    wrong: seeing((lineage) => ({ ...lineage, ended: undefined })),
  },
  "whose a pod was once it stays": {
    wrong: (cluster) => {
      const first = new Map<string, Lineage>();
      const stuck = seeing((lineage, uid) => {
        const known = first.get(uid) ?? lineage;
        first.set(uid, known);
        return { ...lineage, ancestors: known.ancestors };
      });
      return stuck?.(cluster) ?? cluster;
    },
  },
  "only a pod itself changes hands, and nobody below it": {
    wrong: seeing((lineage) => ({
      ...lineage,
      isAdoptable: lineage.isAdoptable && agentsAbove(lineage.ancestors).length === 0,
    })),
  },
  "the broker is not told of ends": { isDeaf: true },
};
const JOB_CONTROLLER = "system:serviceaccount:kube-system:job-controller";

describe("forests of agents", () => {
  test("nobody holds what the model denies, nor a second after it was lost; and everybody has what it allows", async (t) => {
    const seen = nothingSeen();
    await fc.assert(
      fc.asyncProperty(plays, (each) => play(each, {}, seen)),
      { numRuns: fuzzRuns(70), ...fuzzSeed() },
    );
    t.diagnostic(`figure lineage.forest-granted=${seen.granted}`);
    // What never happened has not been tested.
    assert.ok(seen.granted > 0);
    for (const code of [
      "DENY_NOT_DELEGATED",
      "DENY_RULE",
      "LINEAGE_ENDED",
      "LINEAGE_LIMIT",
      "LINEAGE_UNKNOWN",
      "POD_ENDED",
    ])
      assert.ok((seen.refused[code] ?? 0) > 0, `refused with ${code}: ${JSON.stringify(seen.refused)}`);
    for (const code of ["DENY_RULE", "LINEAGE_CHANGED", "LINEAGE_ENDED", "POD_ENDED"])
      assert.ok((seen.ended[code] ?? 0) > 0, `ended with ${code}: ${JSON.stringify(seen.ended)}`);
  });

  for (const [mistake, planted] of Object.entries(MISTAKES))
    test(`notices that ${mistake}`, async () => {
      const { failed, errorInstance } = await fc.check(
        fc.asyncProperty(plays, (each) => play(each, planted, nothingSeen())),
        { numRuns: 2_000, endOnFailure: true, seed: 7 },
      );
      assert.equal(failed, true);
      assert.ok(errorInstance instanceof assert.AssertionError, String(errorInstance));
    });
});
