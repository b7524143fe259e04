/** An explanation tells the decision's own story. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import { type Explanation, explain } from "#core/policy/explain.ts";
import type { Facts } from "#core/policy/facts.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { CONNECTIONS, good, scenarios } from "./arbitraries.ts";
import { agent, allow, deny, factsOf, guardrail, policy, read, write } from "./examples.ts";

test("an explanation's decision is the decision, and its parts bear it out", () => {
  fc.assert(
    fc.property(scenarios, ({ sources, facts }) => {
      const plan = compile(sources);
      const { decision, links } = explain(plan, facts);
      assert.deepEqual(decision, decide(plan, facts));
      const demands = links.flatMap((link) => link.demands);
      if (decision.code === "ALLOWED") {
        assert.ok(links.every(({ withheld }) => withheld.length === 0));
        assert.ok(links[0]?.demands.some(({ coveredBy }) => coveredBy.some((rule) => rule === decision.by)));
      }
      if (decision.code === "DENY_RULE" || decision.code === "ASK_RULE") {
        assert.ok(demands.some(({ metBy }) => metBy.some(({ rule }) => rule === decision.by)));
      }
      if (decision.code === "DENY_NO_RULE" || decision.code === "DENY_NO_POLICY") {
        assert.ok((links[0]?.withheld.length ?? 0) > 0);
      }
      if (decision.code === "DENY_NOT_DELEGATED") {
        assert.equal(links[0]?.withheld.length, 0);
        assert.ok(links.some(({ role, withheld }) => role === "hands on" && withheld.length > 0));
      }
    }),
    { numRuns: fuzzRuns(200), ...fuzzSeed() },
  );
});

function explained(policies: readonly (Policy | PolicySource)[], facts: Facts): Explanation {
  const sources = policies.map((each) => ("state" in each ? each : good(each)));
  return explain(compile({ connections: CONNECTIONS, policies: sources }), facts);
}

test("a rule that came close is named with what it lacks, the one that lacks least first", () => {
  const near = policy("near", {
    allow: [
      allow("far", { statements: ["insert"], tables: ["hr.*"] }),
      allow("near", { statements: ["read"], tables: ["hr.*"] }),
    ],
  });
  const [link] = explained([near], factsOf({ request: read("public.orders") })).links;
  const notes = link?.demands[0]?.cameClose.map(({ rule, why }) => `${rule.rule}: ${why}`);
  assert.deepEqual(notes, [
    "near: its tables do not cover public.orders",
    "far: its statements do not list read; its tables do not cover public.orders",
  ]);
  assert.deepEqual(link?.withheld, ["read on public.orders"]);
});

test("an agent above that withholds is named, with the rule that it may only use", () => {
  const both = policy("both", {
    subjects: [{ namespace: "shop" }],
    allow: [
      allow("use", { statements: ["delete"] }),
      allow("share", { preset: "readOnly" }, { delegate: "also" }),
    ],
  });
  const facts = factsOf({ above: [agent("planner")], request: write("delete", "public.orders") });
  const { decision, links } = explained([both], facts);
  assert.equal(
    decision.publicText,
    "an agent above this one may not hand this on: service account shop/planner for delete on public.orders",
  );
  assert.deepEqual(
    links.map(({ who, role, withheld }) => [who, role, withheld]),
    [
      ["service account shop/bot", "uses", []],
      ["service account shop/planner", "hands on", ["delete on public.orders"]],
    ],
  );
  assert.deepEqual(
    links[1]?.demands[0]?.cameClose.map(({ rule, why }) => `${rule.rule}: ${why}`),
    ["share: its statements do not list delete", "use: delegate: no lets it be used, not handed on"],
  );
});

test("policies that take no part say why: subject, connection, expiry", () => {
  const nobody = policy("nobody", { subjects: [{ oidc: { provider: "github", claims: { repo: "r1" } } }] });
  const elsewhere = policy("elsewhere", { connections: { names: ["stock"] } });
  const ended = policy("ended", { expires: "2026-12-31T00:00:00Z" });
  const facts = factsOf({ identity: { oidc: { provider: "github", claims: { repo: "r2" } } } });
  assert.deepEqual(explained([nobody], facts).notSelecting, [
    { policy: "SecretAccessPolicy shop/nobody", why: ['a token of github: claim repo is "r2", not "r1"'] },
  ]);
  assert.deepEqual(explained([elsewhere, ended], factsOf({})).notSelecting, [
    { policy: "SecretAccessPolicy shop/ended", why: ["it ended at 2026-12-31T00:00:00.000Z"] },
    { policy: "SecretAccessPolicy shop/elsewhere", why: ["it is for the connections stock"] },
  ]);
});

test("a deny rule says what it meets, and one that does not says why", () => {
  const open = policy("open", { allow: [allow("all", { preset: "readOnly" })] });
  const rail = guardrail("rail", {
    deny: [deny("people", { tables: ["hr.*"] }), deny("dumps", { statements: ["read"], unfiltered: true })],
  });
  const [link] = explained([open, rail], factsOf({ request: read("hr.salaries") })).links;
  const [demand] = link?.demands ?? [];
  assert.deepEqual(
    demand?.metBy.map(({ rule, why }) => `${rule.rule}: ${why}`),
    ["people: it may mean read on hr.salaries"],
  );
  assert.deepEqual(
    demand?.notMet.map(({ rule, why }) => `${rule.rule}: ${why}`),
    ["dumps: it is for unfiltered statements only"],
  );
});

test("a closed connection names the broken policy and what is wrong with it", () => {
  const broken = policy("broken", { allow: [allow("all", { statements: ["read"], tables: ["orders"] })] });
  const { decision, closedBy } = explained([broken], factsOf({ request: read("public.t") }));
  assert.equal(decision.code, "DENY_POLICY_INVALID");
  assert.deepEqual(closedBy, [
    {
      policy: "SecretAccessPolicy shop/broken",
      origin: "broken.yaml",
      problems: [
        {
          path: "spec.allow[0].postgres.tables[0]",
          message: '"orders" must have the form schema.table, such as public.orders or public.*',
        },
      ],
    },
  ]);
});
