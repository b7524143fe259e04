import { test } from "node:test";
import fc from "fast-check";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { real } from "./deciders.ts";
import * as properties from "./properties.ts";

const holds = (property: properties.Property): void => {
  // Every property is synchronous, so that this throws here when it fails.
  void fc.assert(property(real), { numRuns: fuzzRuns(150), ...fuzzSeed() });
};

test("the order of files, policies and rules never matters", () => {
  holds(properties.orderNeverMatters);
});

test("adding a deny rule never permits more", () => {
  holds(properties.addingADenyNeverPermitsMore);
});

test("adding an ask rule never lets anything pass without a person", () => {
  holds(properties.addingAnAskNeverPassesWithoutAPerson);
});

test("removing an allow rule never permits more", () => {
  holds(properties.removingAnAllowNeverPermitsMore);
});

test("adding any policy never removes an obligation", () => {
  holds(properties.addingAPolicyNeverRemovesAnObligation);
});

test("a guardrail never moves an outcome towards allow", () => {
  holds(properties.aGuardrailNeverMovesTowardsAllow);
});

test("a child never exceeds what the agents above it may hand on", () => {
  holds(properties.aChildNeverExceedsItsAgents);
});

test("a policy in observe mode never weakens what is enforced", () => {
  holds(properties.observeNeverWeakens);
});

test("a policy grants nothing outside its namespace", () => {
  holds(properties.aNamespaceGrantsOnlyItsOwn);
});

test("an expired policy takes no part", () => {
  holds(properties.anExpiredPolicyTakesNoPart);
});

test("a decision holds until the moment it names", () => {
  holds(properties.aDecisionHoldsUntilItSays);
});

test("a broken policy closes every connection that it reaches", () => {
  holds(properties.aBrokenPolicyClosesWhatItReaches);
});

test("the plan decides as the plain model does", () => {
  void fc.assert(properties.decidesAsTheModelDoes(real), { numRuns: fuzzRuns(600), ...fuzzSeed() });
});
