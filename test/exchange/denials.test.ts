/** Every reason why a pod gets nothing, over every way to ask. */
import { after, before, describe, test } from "node:test";
import type { PolicySource } from "#core/api/loaded.ts";
import type { SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import { POLICY_DENIALS, type PolicyDenial } from "./support/denials.ts";
import { type ModelSubject, TroubledCluster, modelWorld } from "./support/model-world.ts";
import { type Rig, policyFor, startRig } from "./support/rig.ts";
import { denied, deniedIn } from "./support/run.ts";

const ACCOUNT = { namespace: "shop", name: "agent" };
const ALLOWED = policyFor(ACCOUNT);

describe("in a model of a cluster", () => {
  const cluster = new TroubledCluster();
  let rig: Rig;
  before(async () => {
    rig = await startRig(cluster);
    rig.configure([ALLOWED]);
  });
  after(() => rig[Symbol.asyncDispose]());
  deniedIn<ModelSubject>(() => modelWorld(rig, cluster));
});

describe("what policy says counts at once, however it is asked", () => {
  const spec = (more: Partial<SecretAccessPolicy["spec"]>) => (rig: Rig) =>
    rig.configure([policyFor(ACCOUNT, more)]);
  const broken: PolicySource = {
    state: "broken",
    origin: "/policies/new.yaml",
    reach: { scope: "cluster" },
    diagnostics: [],
  };
  const happenings: Readonly<Record<PolicyDenial, (rig: Rig) => void | Promise<void>>> = {
    "no policy speaks of the pod": (rig) => rig.configure([policyFor({ ...ACCOUNT, name: "other" })]),
    "a rule denies it": spec({ deny: [{ name: "never", postgres: {} }] }),
    "the policy has expired": (rig) => {
      rig.configure([policyFor(ACCOUNT, { expires: new Date(Date.now() + 60_000).toISOString() })]);
      rig.clock.aheadMs = 61_000;
    },
    "the policy is broken and never was good": (rig) => rig.configure([ALLOWED, broken]),
    "there is no such connection": (rig) => rig.configure([ALLOWED], []),
    "as many sessions are open as there may be": spec({ limits: { concurrentSessions: 1 } }),
    "the broker stops": (rig) => rig.stopBroker(),
  };
  for (const [reason, row] of Object.entries(POLICY_DENIALS)) {
    test(reason, async () => {
      const cluster = new TroubledCluster();
      await using rig = await startRig(cluster);
      rig.configure([ALLOWED]);
      await using subject = await modelWorld(rig, cluster).subject();
      await denied(subject, row, async () => {
        await happenings[reason as PolicyDenial](rig);
        return undefined;
      });
    });
  }
});
