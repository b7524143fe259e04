/** What the broker asks of a cluster, on a real API server with the rights that the chart gives it. */
import { after, before, describe } from "node:test";
import { denialCases } from "#test/exchange/support/real-world.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { apiTokenCases } from "./live/api-tokens.ts";
import { handoverCases } from "./live/handover.ts";
import { journalCases } from "./live/journal.ts";
import { peopleCases } from "./live/people.ts";
import { lineageCases } from "./live/lineage.ts";
import { podCases } from "./live/pods.ts";
import { replicaCases } from "./live/replicas.ts";
import { revocationCases } from "./live/revocations.ts";
import { secretCases } from "./live/secrets.ts";
import { sharedCases } from "./live/shared.ts";
import { trailCases } from "./live/trail.ts";
import { type World, startWorld } from "./support/world.ts";

describe("the broker in a cluster", { skip: skipWithoutApiTier() }, () => {
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world[Symbol.asyncDispose]());
  secretCases(() => world);
  apiTokenCases(() => world);
  sharedCases(() => world);
  replicaCases(() => world);
  journalCases(() => world);
  handoverCases(() => world);
  peopleCases(() => world);
  lineageCases(() => world);
  revocationCases(() => world);
  podCases(() => world);
  trailCases(() => world);
  denialCases(() => world);
});
