/** The policies of the chart on a real API server, with our webhook configurations deleted. */
import { after, before, describe } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { authorPolicies } from "./policies/authors.ts";
import { changePolicies } from "./policies/changes.ts";
import { connectPolicies } from "./policies/connect.ts";
import { namespacePolicies } from "./policies/namespaces.ts";
import { originPolicies } from "./policies/origin.ts";
import { podPolicies } from "./policies/pods.ts";
import { revocationPolicies } from "./policies/revocations.ts";
import { operatorRights, ownObjects } from "./policies/rights.ts";
import { tokenPolicies } from "./policies/tokens.ts";
import { wildPods } from "./policies/wild.ts";
import { type Guarded, startGuarded } from "./support/cluster.ts";

describe("with our webhook configurations deleted", { skip: skipWithoutApiTier() }, () => {
  let started: Guarded | undefined;
  before(async () => {
    started = await startGuarded();
  });
  after(() => started?.[Symbol.asyncDispose]());
  const guarded = (): Guarded => {
    if (started === undefined) throw new Error("the API server has not been started");
    return started;
  };
  podPolicies(guarded);
  wildPods(guarded);
  changePolicies(guarded);
  originPolicies(guarded);
  connectPolicies(guarded);
  tokenPolicies(guarded);
  namespacePolicies(guarded);
  ownObjects(guarded);
  operatorRights(guarded);
  revocationPolicies(guarded);
  // Last, since they are in force from then on.
  authorPolicies(guarded);
});
