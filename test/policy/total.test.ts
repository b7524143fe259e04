/** Every decision is an answer: whatever the facts are, nothing is thrown, and what cannot be judged is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { carryForward } from "#core/policy/carry-forward.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision } from "#core/policy/decision.ts";
import { DECISION_CODES } from "#core/policy/decision.ts";
import { explain } from "#core/policy/explain.ts";
import type { Facts } from "#core/policy/facts.ts";
import { openSession } from "#core/policy/session.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CONNECTIONS, NOW_MS, good, policies, scenarios } from "./arbitraries.ts";
import { allow, factsOf, policy, read } from "./examples.ts";

const RUNS = { numRuns: fuzzRuns(200), ...fuzzSeed() };

const anything = fc.anything({
  withNullPrototype: true,
  withSparseArray: true,
  withBigInt: true,
  withDate: true,
});

/** A plan that allows everything to the subject of the facts below, so that a refusal is due to the facts alone. */
const openPolicy = policy("open", { allow: [allow("all", { statements: ["any"] })] });
const open = compile({ connections: CONNECTIONS, policies: [good(openPolicy)] });

const whole = factsOf({ request: read("public.t") });

function assertAnswer(decision: Decision): void {
  assert.ok(["allow", "ask", "deny"].includes(decision.outcome));
  assert.ok(Object.hasOwn(DECISION_CODES, decision.code));
  assert.ok(decision.publicText.length > 0);
  assert.ok(!Number.isNaN(decision.validUntilMs));
}

test("facts of any shape get an answer, and none of them is let through", () => {
  assert.equal(decide(open, whole).outcome, "allow");
  fc.assert(
    fc.property(anything, (value) => {
      const facts = value as Facts;
      assert.deepEqual(decide(open, facts).code, "DENY_FACTS_INVALID");
      assertAnswer(explain(open, facts).decision);
    }),
    RUNS,
  );
});

test("whole facts with one part replaced by anything get an answer", () => {
  fc.assert(
    fc.property(scenarios, fc.infiniteStream(fc.nat()), anything, ({ sources, facts }, turns, value) => {
      const plan = compile(sources);
      const spoiled = replaceSomewhere(facts, turns, value) as Facts;
      const decision = decide(plan, spoiled);
      assertAnswer(decision);
      assert.deepEqual(explain(plan, spoiled).decision, decision);
    }),
    RUNS,
  );
});

test("a session gives an answer for anything that it is asked", () => {
  fc.assert(
    fc.property(anything, anything, (request, nowMs) => {
      const session = openSession(open, whole.caller, whole.connection);
      assert.equal(session.decide(request as Facts["request"], nowMs as number).code, "DENY_FACTS_INVALID");
    }),
    RUNS,
  );
});

test("policies of any shape make a plan, and no plan lets through what no policy allows", () => {
  fc.assert(
    fc.property(fc.array(anything), (values) => {
      const policies = values.map((value) =>
        good({ metadata: { name: "x" }, ...(value as object) } as never),
      );
      const decision = decide(compile({ connections: CONNECTIONS, policies }), whole);
      assert.equal(decision.outcome, "deny");
    }),
    RUNS,
  );
});

test("a policy with one part replaced by anything makes a plan: it counts, or it closes", () => {
  fc.assert(
    fc.property(policies("p"), fc.infiniteStream(fc.nat()), anything, (policy, turns, value) => {
      const spoiled = good({ ...policy, spec: replaceSomewhere(policy.spec, turns, value) } as never);
      const plan = compile({ connections: CONNECTIONS, policies: [good(openPolicy), spoiled] });
      assert.equal(plan.policies.length + plan.broken.length, 2);
      assertAnswer(decide(plan, whole));
      assert.deepEqual(carryForward([], [spoiled]), [spoiled]);
    }),
    RUNS,
  );
});

const clocks: readonly (readonly [string, number])[] = [
  ["NaN", Number.NaN],
  ["Infinity", Number.POSITIVE_INFINITY],
  ["before 1970", -1],
  ["beyond every calendar", 8.64e15 + 1],
];
for (const [name, nowMs] of clocks) {
  test(`a clock that says ${name} refuses`, () => {
    assert.equal(decide(open, { ...whole, nowMs: NOW_MS }).outcome, "allow");
    assert.equal(decide(open, { ...whole, nowMs }).code, "DENY_FACTS_INVALID");
  });
}

test("a chain of more than 64 ancestors refuses, one of 64 does not", () => {
  const above = (length: number): Facts["caller"]["ancestors"] =>
    Array.from({ length }, () => ({ kind: "person", identity: {} }) as const);
  assert.equal(decide(open, factsOf({ above: above(64) })).outcome, "allow");
  assert.equal(decide(open, factsOf({ above: above(65) })).code, "DENY_FACTS_INVALID");
});

/** Walks down a random path and puts the value at its end. */
function replaceSomewhere(target: unknown, turns: fc.Stream<number>, value: unknown): unknown {
  if (typeof target !== "object" || target === null) return value;
  const keys = Object.keys(target);
  const turn = turns.next().value ?? 0;
  const key = keys[turn % (keys.length + 1)];
  if (key === undefined) return value;
  const copy = Array.isArray(target) ? [...(target as unknown[])] : { ...target };
  Object.defineProperty(copy, key, {
    value: replaceSomewhere((target as Record<string, unknown>)[key], turns, value),
    enumerable: true,
  });
  return copy;
}
