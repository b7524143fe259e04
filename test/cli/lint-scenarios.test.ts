/** The same as lint-soundness.test.ts, over whole scenarios: many policies, guardrails, lineage, code and doubts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Loaded, PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision, Outcome } from "#core/policy/decision.ts";
import { type CodedFinding, type LintCode, lintKinds } from "#core/policy/lint/index.ts";
import type { Facts } from "#core/policy/facts.ts";
import { statementsOf } from "#core/policy/protocols/postgres/request.ts";
import type { Access } from "#core/statements/postgres/facts.ts";
import { CONNECTIONS, NOW_MS, type Scenario, scenarios } from "../policy/arbitraries.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

/** Such a rule can go, and nothing that a statement is for is decided otherwise. */
const WITHOUT_EFFECT: readonly LintCode[] = ["SHADOWED_RULE", "DUPLICATE_RULE", "EXPIRED_POLICY"];

for (const code of WITHOUT_EFFECT) {
  test(`what is reported as ${code} can go without changing a decision`, () => {
    let found = 0;
    fc.assert(
      fc.property(scenarios, (scenario) => {
        if (!asksForMoreThanASession(scenario.facts)) return;
        for (const finding of findingsIn(scenario, code)) {
          found += 1;
          const without = withoutRule(scenario.sources.policies, finding);
          assert.equal(outcomeOf(scenario, without), outcomeOf(scenario, scenario.sources.policies));
        }
      }),
      { numRuns: fuzzRuns(800), ...fuzzSeed() },
    );
    assert.ok(found > 0, "none was found, which proves nothing");
  });
}

test("while nothing is open to observation, nothing passes as OBSERVED", () => {
  let observed = 0;
  fc.assert(
    fc.property(scenarios, (scenario) => {
      const decision = decisionOf(scenario, scenario.sources.policies);
      if (decision.code !== "OBSERVED") return;
      observed += 1;
      assert.notDeepEqual(findingsIn(scenario, "OPEN_WHILE_OBSERVING"), []);
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
  assert.ok(observed > 0, "nothing was observed, which proves nothing");
});

function findingsIn({ sources }: Scenario, code: LintCode): readonly CodedFinding[] {
  const loaded: Loaded = {
    connections: CONNECTIONS,
    policies: sources.policies,
    identityProviders: [],
    workloadControllers: [],
    tests: [],
    gateways: [],
    diagnostics: [],
  };
  return lintKinds({ loaded, nowMs: NOW_MS }).filter((finding) => finding.code === code);
}

function outcomeOf(scenario: Scenario, policies: readonly PolicySource[]): Outcome {
  return decisionOf(scenario, policies).outcome;
}

function decisionOf({ sources, facts }: Scenario, policies: readonly PolicySource[]): Decision {
  return decide(compile({ ...sources, policies }), facts);
}

/** Without the rule, or without the whole policy when the finding is about it. */
function withoutRule(
  policies: readonly PolicySource[],
  { object, path }: CodedFinding,
): readonly PolicySource[] {
  return policies.flatMap((source): PolicySource[] => {
    if (source.state !== "good" || source.policy.metadata.name !== object.name) return [source];
    const [, effect, index] = path;
    if (effect !== "allow" && effect !== "deny" && effect !== "ask") return [];
    const spec: Record<string, unknown> = { ...source.policy.spec };
    spec[effect] = (spec[effect] as readonly unknown[]).filter((_, at) => at !== index);
    // Other fields stay what they were; the compiler only knows that this is some spec.
    return [{ ...source, policy: { ...source.policy, spec } as typeof source.policy }];
  });
}

/** Any right at all opens a session and begins a transaction, also one that a deny rule makes useless otherwise. */
function asksForMoreThanASession({ request }: Facts): boolean {
  const statements = statementsOf(request);
  const isMore = ({ verb }: Access): boolean => verb !== "transaction" && verb !== "session";
  return statements.some(
    ({ accesses, calls, doubts }) => accesses.some(isMore) || calls.length > 0 || doubts.length > 0,
  );
}
