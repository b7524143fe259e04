/**
 * What must hold of every decision, whatever the policies. Each property asks a decider, so that it can be shown to
 * fail for a wrong one (`planted.ts`).
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { AllowRule, DenyRule } from "#core/api/kinds.gen.ts";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import type { Sources } from "#core/policy/compile.ts";
import {
  type Scenario,
  accessPolicies,
  allowRules,
  denyRules,
  good,
  guardrails,
  policies,
  scenarios,
} from "./arbitraries.ts";
import { type Decider, model, rank } from "./deciders.ts";
import { demandsOf, isImplied, links, selects } from "./model-terms.ts";
import { PARTS } from "./model-parts.ts";

export type Property = (decide: Decider) => fc.IRawProperty<unknown>;

export const orderNeverMatters = property(
  fc.tuple(scenarios, fc.infiniteStream(fc.nat())),
  (decide, [{ sources, facts }, stream]) => {
    const shuffled = {
      connections: shuffle(sources.connections, stream),
      policies: shuffle(sources.policies.map(shuffleWithin), stream),
    };
    assert.deepEqual(decide(shuffled, facts), decide(sources, facts));

    function shuffleWithin(source: PolicySource): PolicySource {
      if (source.state === "broken") return source;
      return { ...source, policy: mapRules(source.policy, (rules) => shuffle(rules, stream)) };
    }
  },
);

export const addingADenyNeverPermitsMore = property(
  fc.tuple(scenarios, denyRules, fc.nat()),
  (decide, [scenario, rule, at]) => {
    const after = withRule(scenario, at, "deny", { ...rule, name: "added" });
    assert.ok(rank(decide(after, scenario.facts)) <= rank(decide(scenario.sources, scenario.facts)));
  },
);

/** An ask rule of a namespace covers what it matches, but only a person lets that pass. */
export const addingAnAskNeverPassesWithoutAPerson = property(
  fc.tuple(scenarios, allowRules, fc.nat()),
  (decide, [scenario, rule, at]) => {
    // Whoever may ask for something may have a session to ask in.
    fc.pre(!demandsOf(scenario.facts).every(isImplied));
    const after = decide(withRule(scenario, at, "ask", { ...rule, name: "added" }), scenario.facts);
    const before = decide(scenario.sources, scenario.facts);
    assert.ok(after.outcome !== "allow" || before.outcome === "allow");
  },
);

export const removingAnAllowNeverPermitsMore = property(
  fc.tuple(scenarios, fc.nat()),
  (decide, [{ sources, facts }, at]) => {
    const source = pick(sources.policies, at);
    const { spec } = source.policy;
    fc.pre("allow" in spec && (spec.allow ?? []).length > 0);
    const after = replaceSource(sources, source, {
      ...source,
      policy: mapRules(source.policy, (rules, effect) => (effect === "allow" ? rules.slice(1) : rules)),
    });
    assert.ok(rank(decide(after, facts)) <= rank(decide(sources, facts)));
  },
);

export const addingAPolicyNeverRemovesAnObligation = property(
  fc.tuple(scenarios, policies("added")),
  (decide, [{ sources, facts }, policy]) => {
    const { obligations: before } = decide(sources, facts);
    const { obligations: after } = decide(addSource(sources, good(policy)), facts);
    for (const mask of before.mask) {
      const same = after.mask.find(
        ({ schema, table, column }) =>
          schema === mask.schema && table === mask.table && column === mask.column,
      );
      assert.ok(same && (same.action === mask.action || same.action === "nullify"));
    }
    for (const [name, limit] of Object.entries(before.limits)) {
      assert.ok((after.limits[name as keyof typeof after.limits] ?? Infinity) <= limit);
    }
    assert.ok(before.whenParentEnds !== "end" || after.whenParentEnds === "end");
  },
);

export const aGuardrailNeverMovesTowardsAllow = property(
  fc.tuple(scenarios, guardrails("added")),
  (decide, [{ sources, facts }, guardrail]) => {
    assert.ok(rank(decide(addSource(sources, good(guardrail)), facts)) <= rank(decide(sources, facts)));
  },
);

/** What an agent may hand on is what it could do itself if it had only the rules that may be handed on. */
export const aChildNeverExceedsItsAgents = property(scenarios, (decide, { sources, facts }) => {
  const { ancestors } = facts.caller;
  const handedOn = { ...sources, policies: sources.policies.map(keepHandedOn) };
  const child = decide(sources, facts);
  ancestors.forEach(({ kind, identity }, at) => {
    if (kind !== "agent") return;
    const agent = { ...facts, caller: { identity, ancestors: ancestors.slice(at + 1) } };
    assert.ok(rank(child) <= rank(decide(handedOn, agent)));
  });
});

export const observeNeverWeakens = property(
  fc.tuple(scenarios, policies("added")),
  (decide, [{ sources, facts }, policy]) => {
    const observing = { ...policy, spec: { ...policy.spec, mode: "observe" } } as Policy;
    const before = decide(sources, facts);
    const after = decide(addSource(sources, good(observing)), facts);
    if (after.code === "OBSERVED" && !someEnforcingSelects({ sources, facts })) return;
    assert.deepEqual([after.outcome, after.code, after.by], [before.outcome, before.code, before.by]);
    assert.deepEqual(after.obligations, before.obligations);
  },
);

export const aNamespaceGrantsOnlyItsOwn = property(
  fc.tuple(scenarios, accessPolicies("added")),
  (decide, [{ sources, facts }, policy]) => {
    fc.pre(policy.metadata.namespace !== facts.connection.namespace);
    assert.deepEqual(decide(addSource(sources, good(policy)), facts), decide(sources, facts));
  },
);

export const anExpiredPolicyTakesNoPart = property(
  fc.tuple(scenarios, policies("added")),
  (decide, [{ sources, facts }, policy]) => {
    const expired = { ...policy, spec: { ...policy.spec, expires: "2020-01-01T00:00:00Z" } } as Policy;
    assert.deepEqual(decide(addSource(sources, good(expired)), facts), decide(sources, facts));
  },
);

export const aDecisionHoldsUntilItSays = property(
  fc.tuple(scenarios, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
  (decide, [{ sources, facts }, part]) => {
    const now = decide(sources, facts);
    const untilMs = Math.min(now.validUntilMs, facts.nowMs + 1e12);
    const laterMs = facts.nowMs + Math.floor((untilMs - facts.nowMs) * part);
    assert.deepEqual(decide(sources, { ...facts, nowMs: laterMs }), now);
  },
);

/** The whole language at once: what the others state piece by piece. */
export const decidesAsTheModelDoes = property(scenarios, (decide, { sources, facts }) => {
  assert.deepEqual(decide(sources, facts), model()(sources, facts));
});

export const aBrokenPolicyClosesWhatItReaches = property(
  fc.tuple(scenarios, fc.nat()),
  (decide, [{ sources, facts }, at]) => {
    const source = pick(sources.policies, at);
    const connection = sources.connections.find(
      ({ metadata }) =>
        metadata.namespace === facts.connection.namespace && metadata.name === facts.connection.name,
    );
    fc.pre(connection !== undefined && PARTS.reaches(source.policy, connection));
    const { namespace } = facts.connection;
    const broken: PolicySource = {
      state: "broken",
      origin: source.origin,
      reach:
        source.policy.kind === "ClusterSecretAccessPolicy"
          ? { scope: "cluster" }
          : { scope: "namespace", namespace },
      diagnostics: [],
    };
    const { outcome, code } = decide(replaceSource(sources, source, broken), facts);
    assert.deepEqual([outcome, code], ["deny", "DENY_POLICY_INVALID"]);
  },
);

type GoodSource = PolicySource & { readonly state: "good" };

function property<Value>(
  values: fc.Arbitrary<Value>,
  check: (decide: Decider, value: Value) => void,
): Property {
  return (decide) => fc.property(values, (value) => check(decide, value)) as fc.IRawProperty<unknown>;
}

function someEnforcingSelects({ sources, facts }: Scenario): boolean {
  const connection = sources.connections.find(
    ({ metadata }) =>
      metadata.namespace === facts.connection.namespace && metadata.name === facts.connection.name,
  );
  return sources.policies.some(
    (source) =>
      source.state === "good" &&
      source.policy.spec.mode !== "observe" &&
      connection !== undefined &&
      PARTS.reaches(source.policy, connection) &&
      PARTS.inForce(source.policy, facts.nowMs) &&
      links(facts.caller).some((link) => selects(source.policy, link)),
  );
}

export function addSource(sources: Sources, source: PolicySource): Sources {
  return { ...sources, policies: [...sources.policies, source] };
}

export function replaceSource(sources: Sources, old: PolicySource, source: PolicySource): Sources {
  return { ...sources, policies: sources.policies.map((other) => (other === old ? source : other)) };
}

export function pick(list: readonly PolicySource[], at: number): GoodSource {
  const found = list[at % list.length];
  assert.ok(found?.state === "good");
  return found;
}

type Rules = readonly (DenyRule & AllowRule)[];

function mapRules(policy: Policy, change: (rules: Rules, effect: "allow" | "deny" | "ask") => Rules): Policy {
  const spec = { ...policy.spec } as Record<string, unknown>;
  for (const effect of ["allow", "deny", "ask"] as const) {
    if (Array.isArray(spec[effect])) spec[effect] = change(spec[effect] as Rules, effect);
  }
  return { ...policy, spec } as unknown as Policy;
}

function withRule({ sources }: Scenario, at: number, effect: "deny" | "ask", rule: AllowRule): Sources {
  const source = pick(sources.policies, at);
  const { delegate: _, ...withoutDelegate } = rule;
  const added = source.policy.kind === "ClusterSecretAccessPolicy" ? withoutDelegate : rule;
  const policy = mapRules(source.policy, (rules, of) => (of === effect ? [...rules, added] : rules));
  return replaceSource(sources, source, { ...source, policy });
}

function keepHandedOn(source: PolicySource): PolicySource {
  if (source.state === "broken" || source.policy.kind === "ClusterSecretAccessPolicy") return source;
  const policy = mapRules(source.policy, (rules, effect) => {
    if (effect === "deny") return rules;
    return rules
      .filter(({ delegate }) => delegate === "also" || delegate === "only")
      .map((rule) => ({ ...rule, delegate: "also" }));
  });
  return { ...source, policy };
}

function shuffle<Item>(items: readonly Item[], stream: fc.Stream<number>): Item[] {
  return items
    .map((item) => ({ item, key: stream.next().value ?? 0 }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
