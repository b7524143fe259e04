/** Statuses are written when they say something new, and never otherwise; Ready is never True while anything is not known. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type ConditionType,
  CONDITIONS,
  type Finding,
  type Reason,
  reasonOf,
  statusOf,
} from "#operator/reconcile/conditions.ts";
import { readyOf } from "#operator/reconcile/ready.ts";
import { changeOf, noticesOf, type WrittenCondition } from "#operator/reconcile/status.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";

const KIND_NAMES = [
  "Connection",
  "SecretAccessPolicy",
  "ClusterSecretAccessPolicy",
  "IdentityProvider",
  "WorkloadController",
];
const TYPES = Object.keys(CONDITIONS) as ConditionType[];

const reasonsOf = (type: ConditionType): readonly string[] => Object.keys(CONDITIONS[type].reasons);

/** Conditions of a kind but Ready, each with any of its reasons. */
function findingsOf(kind: string): fc.Arbitrary<Finding[]> {
  const types = TYPES.filter(
    (type) => type !== "Ready" && (CONDITIONS[type].on as readonly string[]).includes(kind),
  );
  return fc.tuple(
    ...types.map((type) =>
      fc.record({
        type: fc.constant(type),
        reason: fc.constantFrom(...reasonsOf(type)),
        message: fc.string(),
      }),
    ),
  );
}

const anyFindings = fc.constantFrom(...KIND_NAMES).chain(findingsOf);
const runs = { numRuns: fuzzRuns(500), ...fuzzSeed() };

test("Ready is True exactly when every condition is, but for reasons that are only told", () => {
  const property = fc.property(anyFindings, (findings) => {
    const ready = readyOf(findings);
    const wanting = findings.filter((found) => {
      return statusOf(found) !== "True" && reasonOf(found.type, found.reason).aside !== true;
    });
    assert.equal(statusOf(ready) === "True", wanting.length === 0);
    if (wanting.some((found) => statusOf(found) === "False")) assert.equal(statusOf(ready), "False");
  });
  fc.assert(property, runs);
});

test("what was written is not written again, and changes no time of a status that stays", () => {
  const property = fc.property(anyFindings, anyFindings, fc.nat(1e6), (first, second, laterMs) => {
    const written = changeOf(undefined, first, 1, 0);
    assert.ok(!written.isSame);
    const status = { conditions: written.conditions };
    assert.ok(changeOf(status, first, 1, laterMs).isSame);
    for (const condition of changeOf(status, second, 2, 3_600_000 + laterMs).conditions) {
      const before: WrittenCondition | undefined = written.conditions.find(
        ({ type }) => type === condition.type,
      );
      const stays: boolean = before?.status === condition.status;
      assert.equal(condition.lastTransitionTime === before?.lastTransitionTime, stays);
    }
  });
  fc.assert(property, runs);
});

test("a new generation is written although nothing else is new, without a turn", () => {
  const found: Finding = { type: "Accepted", reason: "Valid", message: "m" };
  const written = changeOf(undefined, [found], 1, 0);
  const change = changeOf({ conditions: written.conditions }, [found], 2, 60_000);
  assert.deepEqual(change?.turns, []);
  assert.equal(change?.conditions[0]?.observedGeneration, 2);
  assert.equal(change?.conditions[0]?.lastTransitionTime, "1970-01-01T00:00:00Z");
});

test("a status that somebody else has filled with anything is read without harm", () => {
  const property = fc.property(fc.anything(), (status) => {
    assert.ok(!changeOf(status, [{ type: "Accepted", reason: "Valid", message: "m" }], 1, 0).isSame);
  });
  fc.assert(property, runs);
});

test("people are told when something goes wrong and when it is right again, and not of what is merely so", () => {
  const finding = (reason: string): Finding => ({ type: "Accepted", reason, message: "m" });
  const told = (...reasons: readonly string[]): readonly string[] => {
    let status: unknown;
    return reasons.flatMap((reason) => {
      const change = changeOf(status, [finding(reason)], 1, 0);
      if (change !== undefined) status = { conditions: change.conditions };
      return noticesOf(change?.turns ?? []).map(({ type }) => type);
    });
  };
  assert.deepEqual(told("Valid"), []);
  assert.deepEqual(told("Invalid", "Invalid", "Valid", "Valid"), ["Warning", "Normal"]);
  const aside: Finding = { type: "Selected", reason: "NoPolicySelects", message: "m" };
  assert.deepEqual(noticesOf(changeOf(undefined, [aside], 1, 0).turns), []);
});

test("a long message is cut", () => {
  const change = changeOf(
    undefined,
    [{ type: "Accepted", reason: "Invalid", message: "x".repeat(10_000) }],
    1,
    0,
  );
  assert.equal(change?.conditions[0]?.message.length, 4_097);
});

test("every reason has words and a remedy, and names that Kubernetes takes", () => {
  for (const type of TYPES) {
    for (const [name, { means, remedy }] of Object.entries(
      CONDITIONS[type].reasons as Record<string, Reason>,
    )) {
      assert.match(name, /^[A-Z][A-Za-z]+$/);
      assert.ok(means.endsWith(".") && remedy.endsWith("."), `${type} ${name}`);
    }
  }
});

test("a reason that is not in the table is a bug", () => {
  assert.throws(() => reasonOf("Accepted", "Sure"), /Accepted has no reason Sure/);
});
