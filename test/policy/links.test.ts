/** Lineage: what agents may hand on, who counts as an ancestor, and whom policies select by it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AllowRule, SubjectSelector } from "#core/api/kinds.gen.ts";
import type { Ancestor, Identity } from "#core/policy/facts.ts";
import {
  account,
  agent,
  allow,
  answer,
  decideBy,
  deny,
  factsOf,
  guardrail,
  policy,
  read,
} from "./examples.ts";

const READ = { preset: "readOnly" } as const;
const bots = (delegate?: AllowRule["delegate"]) =>
  policy("bots", { allow: [allow("read", READ, delegate === undefined ? {} : { delegate })] });
const planners = (delegate?: AllowRule["delegate"]) =>
  policy("planners", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    allow: [allow("read", READ, delegate === undefined ? {} : { delegate })],
  });
const asked = (above: readonly Ancestor[], identity: Identity = account("bot")) =>
  factsOf({ identity, above, request: read("public.t") });

test("a child needs its own right and one that its agent may hand on", () => {
  assert.equal(answer([bots(), planners("also")], asked([agent("planner")])), "ALLOWED by bots/read");
  assert.equal(answer([bots(), planners("only")], asked([agent("planner")])), "ALLOWED by bots/read");
  assert.equal(answer([bots(), planners()], asked([agent("planner")])), "DENY_NOT_DELEGATED");
  assert.equal(answer([bots()], asked([agent("planner")])), "DENY_NOT_DELEGATED");
  assert.equal(answer([planners("also")], asked([agent("planner")])), "DENY_NO_POLICY");
});

test("what may only be handed on may not be used", () => {
  assert.equal(answer([planners("only")], asked([], account("planner"))), "DENY_NO_RULE");
  assert.equal(answer([planners("also")], asked([], account("planner"))), "ALLOWED by planners/read");
});

test("every agent of the chain must hand it on", () => {
  const boss = policy("boss", {
    subjects: [{ serviceAccount: { name: "boss" } }],
    allow: [allow("read", READ, { delegate: "also" })],
  });
  const chain = asked([agent("planner"), agent("boss")]);
  assert.equal(answer([bots(), planners("also"), boss], chain), "ALLOWED by bots/read");
  assert.equal(answer([bots(), planners("also")], chain), "DENY_NOT_DELEGATED");
  assert.match(decideBy([bots(), planners("also")], chain).publicText, /service account shop\/boss/);
});

test("people, pipelines and controllers above hand nothing on and withhold nothing", () => {
  for (const kind of ["person", "ci", "controller"] as const) {
    assert.equal(answer([bots()], asked([{ kind, identity: account("planner") }])), "ALLOWED by bots/read");
  }
});

test("a denial of any agent above holds for its children", () => {
  const denied = policy("denied", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    deny: [deny("no", { tables: ["public.t"] })],
  });
  assert.equal(
    answer([bots(), planners("also"), denied], asked([agent("planner")])),
    "DENY_RULE by denied/no",
  );
  assert.equal(answer([bots(), planners("also"), denied], asked([])), "ALLOWED by bots/read");
});

test("what an agent above has to ask for is asked for its children", () => {
  const asking = policy("asking", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    ask: [allow("q", READ, { delegate: "also" })],
  });
  assert.equal(answer([bots(), asking], asked([agent("planner")])), "ASK_RULE by asking/q");
});

test("a revoked ancestor ends the subtree: a guardrail for it and its descendants", () => {
  const revoked = guardrail("revoked", {
    subjects: [
      { serviceAccount: { namespace: "shop", name: "boss" } },
      { descendantsOf: { serviceAccount: { namespace: "shop", name: "boss" } } },
    ],
    deny: [deny("revoked", {}, "boss was revoked")],
  });
  const policies = [bots(), planners("also"), revoked];
  assert.equal(decideBy(policies, asked([agent("planner"), agent("boss")])).publicText, "boss was revoked");
  assert.equal(answer(policies, asked([agent("planner")])), "ALLOWED by bots/read");
});

function selected(subject: SubjectSelector, identity: Identity, above: readonly Ancestor[] = []): boolean {
  const handsOn = policy("agents", {
    subjects: [{ serviceAccount: { name: "planner" } }],
    allow: [allow("r", READ, { delegate: "only" })],
  });
  const { outcome } = decideBy(
    [policy("p", { subjects: [subject], allow: [allow("r", READ)] }), handsOn],
    asked(above, identity),
  );
  return outcome === "allow";
}

test("a service account is its own namespace's unless another is named", () => {
  assert.ok(selected({ serviceAccount: { name: "bot" } }, account("bot")));
  assert.ok(!selected({ serviceAccount: { name: "bot" } }, account("bot", "lab")));
  assert.ok(selected({ serviceAccount: { name: "bot", namespace: "lab" } }, account("bot", "lab")));
  assert.ok(selected({ namespace: "lab" }, account("bot", "lab")));
  assert.ok(!selected({ namespace: "lab", serviceAccount: { name: "bot" } }, account("bot", "lab")));
});

test("every listed claim must be there and equal; a list must contain it", () => {
  const token = (claims: Record<string, string | number | boolean | string[]>): Identity => ({
    oidc: { provider: "github", claims },
  });
  const subject = { oidc: { provider: "github", claims: { repo: "r1", groups: "ops" } } };
  assert.ok(selected(subject, token({ repo: "r1", groups: ["dev", "ops"], extra: "x" })));
  assert.ok(!selected(subject, token({ repo: "r1", groups: ["dev"] })));
  assert.ok(!selected(subject, token({ repo: "r1" })));
  assert.ok(!selected(subject, { oidc: { provider: "gitlab", claims: { repo: "r1", groups: "ops" } } }));
  assert.ok(selected({ oidc: { provider: "github", claims: { attempt: "1" } } }, token({ attempt: 1 })));
});

test("a claim is the token's own, never one that every object has", () => {
  const claims = Object.create({ repo: "r1" }) as Record<string, string>;
  assert.ok(
    !selected(
      { oidc: { provider: "github", claims: { repo: "r1" } } },
      { oidc: { provider: "github", claims } },
    ),
  );
  const named = { oidc: { provider: "github", claims: { constructor: "x" } } };
  assert.ok(!selected(named, { oidc: { provider: "github", claims: {} } }));
  assert.ok(selected(named, { oidc: { provider: "github", claims: { constructor: "x" } } }));
});

test("descendantsOf means agents above, launchedBy everyone else above, and neither the caller", () => {
  const ofPlanner = { descendantsOf: { serviceAccount: { name: "planner" } } };
  assert.ok(selected(ofPlanner, account("bot"), [agent("planner")]));
  assert.ok(!selected(ofPlanner, account("bot"), [{ kind: "controller", identity: account("planner") }]));
  assert.ok(!selected(ofPlanner, account("planner")));
  const ada: Ancestor = { kind: "person", identity: { user: { name: "ada", groups: ["ops"] } } };
  assert.ok(selected({ launchedBy: { kind: "person", group: "ops" } }, account("bot"), [ada]));
  assert.ok(!selected({ launchedBy: { kind: "ci", group: "ops" } }, account("bot"), [ada]));
  assert.ok(!selected({ launchedBy: { user: "ada" } }, account("bot"), [{ ...ada, kind: "agent" }]));
});
