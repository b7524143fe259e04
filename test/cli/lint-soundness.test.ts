/** What a lint says about a rule must be so: judged by the decision itself, over requests of every kind. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { AllowRule, DenyRule, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision } from "#core/policy/decision.ts";
import type { Facts } from "#core/policy/facts.ts";
import { type LintCode, lintKinds } from "#core/policy/lint/index.ts";
import type { Access } from "#core/statements/postgres/facts.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { NOW_MS } from "./harness.ts";

type Rules = Pick<SecretAccessPolicy["spec"], "allow" | "deny">;

const verb = fc.constantFrom("read" as const, "insert" as const, "update" as const);
const tables = fc.uniqueArray(fc.constantFrom("public.a", "public.b", "audit.a", "public.*", "*.*"), {
  minLength: 1,
  maxLength: 2,
});
const rows = fc.option(fc.boolean(), { nil: undefined });

function rule(name: string, withVerbs: boolean): fc.Arbitrary<AllowRule> {
  return fc
    .record({
      statements: fc.option(fc.uniqueArray(verb, { minLength: 1, maxLength: 3 }), { nil: undefined }),
      tables: fc.option(tables, { nil: undefined }),
      unfiltered: rows,
    })
    .map(({ statements, tables: patterns, unfiltered }) => ({
      name,
      postgres: {
        ...(statements || withVerbs ? { statements: statements ?? ["read"] } : {}),
        ...(patterns && { tables: patterns }),
        ...(unfiltered !== undefined && { unfiltered }),
      },
    }));
}

const request = fc.array(
  fc
    .record({
      verb,
      schema: fc.constantFrom("public", "audit"),
      name: fc.constantFrom("a", "b", "c"),
      unfiltered: fc.boolean(),
    })
    .map(
      ({ verb: does, schema, name, unfiltered }): Access => ({
        verb: does,
        relation: { schema, name },
        unfiltered,
      }),
    ),
  { minLength: 1, maxLength: 3 },
);

function loadedWith({ allow, deny }: Rules): Loaded {
  return {
    connections: [
      {
        apiVersion: "sallyport.dev/v1alpha1",
        kind: "Connection",
        metadata: { name: "orders-db", namespace: "shop" },
        spec: {
          protocol: "postgres",
          address: { host: "orders.db.example", port: 5432 },
          credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
          postgres: { database: "orders", user: "app" },
        },
      },
    ],
    policies: [
      {
        state: "good",
        origin: "policy.yaml",
        policy: {
          apiVersion: "sallyport.dev/v1alpha1",
          kind: "SecretAccessPolicy",
          metadata: { name: "work", namespace: "shop" },
          spec: {
            subjects: [{ serviceAccount: { name: "worker" } }],
            connections: { names: ["orders-db"] },
            ...(allow && { allow }),
            ...(deny && { deny }),
          },
        },
      },
    ],
    identityProviders: [],
    workloadControllers: [],
    tests: [],
    gateways: [],
    diagnostics: [],
  };
}

function decideOn(rules: Rules, accesses: readonly Access[]): Decision {
  const facts: Facts = {
    caller: { identity: { serviceAccount: { namespace: "shop", name: "worker" } }, ancestors: [] },
    connection: { namespace: "shop", name: "orders-db" },
    nowMs: NOW_MS,
    request: {
      protocol: "postgres",
      statements: [
        {
          class: "read",
          accesses,
          calls: [],
          doubts: [],
          columns: [],
          literalOffsetsBytes: [],
          startByte: 0,
          lengthBytes: 0,
        },
      ],
    },
  };
  return decide(compile(loadedWith(rules)), facts);
}

function codesAt(rules: Rules, path: string): readonly LintCode[] {
  return lintKinds({ loaded: loadedWith(rules), nowMs: NOW_MS })
    .filter((finding) => finding.path.join(".") === path)
    .map(({ code }) => code);
}

const parameters = { numRuns: fuzzRuns(1_000), ...fuzzSeed() };

test("a rule that is called shadowed never lets anything pass", () => {
  let found = 0;
  fc.assert(
    fc.property(rule("allowed", true), rule("denied", false), request, (allow, deny: DenyRule, accesses) => {
      const rules = { allow: [allow], deny: [deny] };
      if (!codesAt(rules, "spec.allow.0").includes("SHADOWED_RULE")) return;
      found += 1;
      assert.equal(decideOn(rules, accesses).outcome, "deny");
    }),
    parameters,
  );
  assert.ok(found > parameters.numRuns / 50, `only ${found} were found, which proves little`);
});

test("a rule that is called a duplicate can go without changing a decision", () => {
  let found = 0;
  fc.assert(
    fc.property(rule("one", true), rule("other", true), request, (one, other, accesses) => {
      const rules = { allow: [one, other] };
      if (!codesAt(rules, "spec.allow.1").includes("DUPLICATE_RULE")) return;
      found += 1;
      assert.equal(decideOn(rules, accesses).outcome, decideOn({ allow: [one] }, accesses).outcome);
    }),
    parameters,
  );
  assert.ok(found > parameters.numRuns / 50, `only ${found} were found, which proves little`);
});

test("so can a deny rule that is called one", () => {
  let found = 0;
  fc.assert(
    fc.property(
      rule("one", false),
      rule("other", false),
      request,
      (one: DenyRule, other: DenyRule, accesses) => {
        const allow: AllowRule[] = [{ name: "all", postgres: { statements: ["read", "insert", "update"] } }];
        if (!codesAt({ allow, deny: [one, other] }, "spec.deny.1").includes("DUPLICATE_RULE")) return;
        found += 1;
        const both = decideOn({ allow, deny: [one, other] }, accesses);
        assert.equal(both.outcome, decideOn({ allow, deny: [one] }, accesses).outcome);
      },
    ),
    parameters,
  );
  assert.ok(found > parameters.numRuns / 50, `only ${found} were found, which proves little`);
});
