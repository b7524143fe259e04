/** Keeps the generators interesting: a property over requests that are all refused would prove nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { DecisionCode } from "#core/policy/decision.ts";
import { scenarios } from "./arbitraries.ts";
import { real } from "./deciders.ts";

const decisions = fc
  .sample(scenarios, { numRuns: 1_500, seed: 20_270_101 })
  .map(({ sources, facts }) => real(sources, facts));

function share(of: (decision: (typeof decisions)[number]) => boolean): number {
  return decisions.filter(of).length / decisions.length;
}

test("generated requests are allowed, asked and refused in good measure", () => {
  assert.ok(share(({ outcome }) => outcome === "allow") > 0.1);
  assert.ok(share(({ outcome }) => outcome === "ask") > 0.1);
  assert.ok(share(({ outcome }) => outcome === "deny") > 0.3);
});

test("every reason that policies can have for an answer is met", () => {
  const codes: readonly DecisionCode[] = [
    "ALLOWED",
    "OBSERVED",
    "ASK_RULE",
    "DENY_RULE",
    "DENY_NO_RULE",
    "DENY_NO_POLICY",
    "DENY_NOT_DELEGATED",
    "DENY_UNANALYSED",
  ];
  for (const wanted of codes) assert.ok(share(({ code }) => code === wanted) > 0.01, wanted);
});

test("obligations, observations and expiries are met", () => {
  assert.ok(share(({ obligations }) => obligations.mask.length > 1) > 0.1);
  assert.ok(share(({ obligations }) => Object.keys(obligations.limits).length > 0) > 0.1);
  assert.ok(share(({ observations }) => observations.length > 0) > 0.1);
  assert.ok(share(({ validUntilMs }) => validUntilMs !== Infinity) > 0.05);
});
