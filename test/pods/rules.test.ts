import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { check } from "#operator/admission/pod/check.ts";
import type { PodFinding } from "#operator/admission/pod/contract.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { type RuleName, RULES } from "#operator/admission/pod/rules/index.ts";
import { exampleOf, GATEWAY_UID, injected, SETTINGS } from "./surroundings.ts";

const names = Object.keys(RULES) as RuleName[];

for (const name of names) {
  describe(`rule ${name}`, () => {
    const { wrong, right, remedy } = RULES[name];

    test("finds its own wrong example, uninjected", () => {
      const { pod, facts } = exampleOf(wrong);
      assert.ok(rulesOf(check(pod, facts, SETTINGS)).has(name));
    });

    test(remedy === "forced" ? "is seen to by injecting" : "refuses it, and no other rule does", () => {
      const { pod, facts } = exampleOf(wrong);
      const result = inject(pod, facts, SETTINGS, GATEWAY_UID);
      if (remedy === "forced") assert.equal(result.outcome, "injected");
      else
        assert.deepEqual(
          result.outcome === "refused" ? rulesOf(result.findings) : result.outcome,
          new Set([name]),
        );
    });

    test("has nothing to say about its right one, and neither has any other", () => {
      const { pod, facts } = exampleOf(right);
      assert.deepEqual(check(injected(pod, facts), facts, SETTINGS), []);
    });

    test("names a field and what to do, in words for a terminal", () => {
      const { pod, facts } = exampleOf(wrong);
      for (const { field, message, fix } of check(pod, facts, SETTINGS).filter(({ rule }) => rule === name)) {
        assert.match(field, /^(?:spec|metadata)[.[]/);
        assert.match(message, /^\S.{3,160}[^.]$/);
        assert.match(fix, /^[A-Z].{8,400}\.$/s);
      }
    });
  });
}

const rulesOf = (findings: readonly PodFinding[]): ReadonlySet<string> =>
  new Set(findings.map(({ rule }) => rule));
