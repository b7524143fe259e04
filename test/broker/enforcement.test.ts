/** Which gateways apply which version of a policy, by what they were told and what they say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { enforcementOf } from "#broker/pods/enforcement.ts";
import type { PolicySource } from "#core/api/loaded.ts";
import type { PlanPush } from "#core/port/port.ts";

const source = (origin: string, version: string): PolicySource => ({
  state: "broken",
  origin,
  reach: { scope: "namespace", namespace: version },
  diagnostics: [],
});
const plan = (...policies: readonly PolicySource[]): PlanPush => ({
  kind: "plan",
  version: JSON.stringify(policies),
  connections: [],
  policies,
});

test("a gateway applies a policy when it has it as it shall be, whatever else of its plan is old", () => {
  const [old, now] = [plan(source("a", "1"), source("b", "1")), plan(source("a", "1"), source("b", "2"))];
  const enforced = enforcementOf([
    { wanted: now, applied: now },
    { wanted: now, applied: old },
    { wanted: now, applied: undefined },
  ]);
  assert.deepEqual(enforced.get("a"), { concerned: 3, applied: 2 });
  assert.deepEqual(enforced.get("b"), { concerned: 3, applied: 1 });
});

test("one that shall lose a policy is concerned until it has, and others are not concerned at all", () => {
  const [old, now] = [plan(source("a", "1")), plan()];
  assert.deepEqual(enforcementOf([{ wanted: now, applied: old }]).get("a"), { concerned: 1, applied: 0 });
  assert.equal(enforcementOf([{ wanted: now, applied: now }]).get("a"), undefined);
});
