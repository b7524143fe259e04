/** A broken policy never opens anything, with or without a last good version. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { PolicySource } from "#core/api/loaded.ts";
import { carryForward } from "#core/policy/carry-forward.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CONNECTIONS, good, policies, scenarios } from "./arbitraries.ts";
import { SPOILER_NAMES, brokenSource, spoil, spoilers } from "./broken-arbitraries.ts";
import { rank, real } from "./deciders.ts";
import { allow, deny, factsOf, policy, read } from "./examples.ts";
import { PARTS } from "./model-parts.ts";
import { addSource, pick, replaceSource } from "./properties.ts";

const RUNS = { numRuns: fuzzRuns(120), ...fuzzSeed() };

for (const how of SPOILER_NAMES) {
  test(`not taken into the plan: ${how}`, () => {
    const [spoiled] = fc.sample(policies("p"), { numRuns: 1, seed: 3 });
    assert.ok(spoiled);
    const before = compile({ connections: CONNECTIONS, policies: [good(spoiled)] });
    const after = compile({ connections: CONNECTIONS, policies: [good(spoil(spoiled, how))] });
    assert.deepEqual([before.policies.length, before.broken.length], [1, 0]);
    assert.deepEqual([after.policies.length, after.broken.length], [0, 1]);
    assert.ok(after.broken[0]?.problems.every(({ message }) => message !== ""));
  });
}

test("an edit that does not compile closes what the policy selected", () => {
  fc.assert(
    fc.property(scenarios, fc.nat(), spoilers, ({ sources, facts }, at, how) => {
      const source = pick(sources.policies, at);
      const after = real(
        replaceSource(sources, source, { ...source, policy: spoil(source.policy, how) }),
        facts,
      );
      assert.ok(rank(after) <= rank(real(sources, facts)));
      const connection = sources.connections.find(
        ({ metadata: { namespace, name } }) =>
          namespace === facts.connection.namespace && name === facts.connection.name,
      );
      if (connection && PARTS.reaches(source.policy, connection))
        assert.equal(after.code, "DENY_POLICY_INVALID");
    }),
    RUNS,
  );
});

test("an edit that does not compile leaves the last good version in force", () => {
  fc.assert(
    fc.property(scenarios, fc.nat(), spoilers, ({ sources, facts }, at, how) => {
      const source = pick(sources.policies, at);
      const edited = replaceSource(sources, source, { ...source, policy: spoil(source.policy, how) });
      const carried = carryForward(sources.policies, edited.policies);
      assert.deepEqual(real({ ...sources, policies: carried }, facts), real(sources, facts));
      const stale = carried.filter((each) => each.state === "good" && each.stale !== undefined);
      assert.equal(stale.length, 1);
    }),
    RUNS,
  );
});

test("a file that cannot be read leaves what it held in force, whether it says who it was or not", () => {
  fc.assert(
    fc.property(scenarios, fc.nat(), fc.boolean(), ({ sources, facts }, at, isIdentified) => {
      const source = pick(sources.policies, at);
      const broken = brokenSource(source.policy, source.origin, isIdentified);
      const { policies: next } = replaceSource(sources, source, broken);
      const carried = carryForward(sources.policies, next);
      assert.deepEqual(real({ ...sources, policies: carried }, facts), real(sources, facts));
    }),
    RUNS,
  );
});

test("a new broken policy closes what it reaches, also when others were carried forward", () => {
  fc.assert(
    fc.property(
      scenarios,
      policies("added"),
      fc.boolean(),
      ({ sources, facts }, policyAdded, isIdentified) => {
        const broken = brokenSource(policyAdded, "added.yaml", isIdentified);
        const next = addSource(sources, broken).policies;
        const after = real({ ...sources, policies: carryForward(sources.policies, next) }, facts);
        assert.ok(rank(after) <= rank(real(sources, facts)));
        const { namespace } = policyAdded.metadata;
        if (namespace === undefined || namespace === facts.connection.namespace) {
          assert.equal(after.code, "DENY_POLICY_INVALID");
        }
      },
    ),
    RUNS,
  );
});

const everyone = [{ namespace: "shop" }];
const grants = good(policy("grants", { subjects: everyone, allow: [allow("all", { preset: "readOnly" })] }));
const guards = good(
  policy("guards", {
    subjects: everyone,
    deny: [deny("no-salaries", { tables: ["hr.salaries"] })],
    mask: [{ postgres: { columns: ["public.users.email"] } }],
  }),
);
const brokenGuards = good(spoil(guards.policy, "an unknown field"));

const decideWith = (list: readonly PolicySource[], table: string): ReturnType<typeof decide> =>
  decide(compile({ connections: CONNECTIONS, policies: list }), factsOf({ request: read(table) }));

test("a file that allows and one that denies and masks: breaking the second opens nothing", () => {
  assert.equal(decideWith([grants, guards], "public.users").outcome, "allow");
  assert.equal(decideWith([grants, guards], "hr.salaries").code, "DENY_RULE");

  assert.equal(decideWith([grants, brokenGuards], "public.users").code, "DENY_POLICY_INVALID");
  assert.equal(decideWith([grants, brokenGuards], "hr.salaries").code, "DENY_POLICY_INVALID");
});

test("with a last good version, the broken file still denies and masks", () => {
  const carried = carryForward([grants, guards], [grants, brokenGuards]);
  assert.deepEqual(decideWith(carried, "public.users").obligations.mask, [
    { schema: "public", table: "users", column: "email", action: "redact" },
  ]);
  assert.equal(decideWith(carried, "hr.salaries").code, "DENY_RULE");
});

test("a version is carried forward as often as edits fail, and dropped when one succeeds or it is deleted", () => {
  const once = carryForward([guards], [brokenGuards]);
  const twice = carryForward(once, [brokenGuards]);
  assert.equal(twice[0]?.state === "good" && twice[0].policy, guards.policy);
  assert.deepEqual(carryForward(twice, [guards]), [guards]);
  assert.deepEqual(carryForward(twice, []), []);
});

test("a good version is not carried to another file, or to another policy of the same file", () => {
  const moved: PolicySource = { ...brokenGuards, origin: "elsewhere.yaml" };
  assert.deepEqual(carryForward([guards], [moved]), [moved]);
  const renamed = brokenSource(
    { ...guards.policy, metadata: { name: "other", namespace: "shop" } },
    guards.origin,
    true,
  );
  assert.deepEqual(carryForward([guards], [renamed]), [renamed]);
});

test("an unreadable document does not bring back a policy that stands elsewhere now", () => {
  const moved = { ...guards, origin: "moved.yaml" };
  const unreadable = brokenSource(guards.policy, guards.origin, false);
  assert.deepEqual(carryForward([guards], [moved, unreadable]), [moved, unreadable]);
});
