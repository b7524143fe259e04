/** What a class of pods is told: what it could reach, every policy that could speak of it there, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type BrokerConfig, type Prepared, prepare } from "#broker/config.ts";
import { type PlannedFor, planOfClass } from "#broker/pods/class-plan.ts";
import { PlanHistory, classPlans } from "#broker/pods/class-plans.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Ancestor, Caller, Identity } from "#core/policy/facts.ts";
import type { Plan } from "#core/policy/plan.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
import type { PodPeer } from "#broker/pods/pods.ts";
import type { ConnectionView, PlanPush } from "#core/port/port.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

const NAMESPACES = ["shop", "bank"] as const;
const NAMES = ["orders", "ledger", "mail"] as const;
const ACCOUNTS = ["agent", "builder"] as const;

const connection = (namespace: string, name: string): Connection => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Connection",
  metadata: { namespace, name },
  spec: {
    protocol: "tcp",
    address: { host: `${name}.example.com`, port: 1 },
    credential: { mode: "none" },
  },
});
const CONNECTIONS = NAMESPACES.flatMap((namespace) => NAMES.map((name) => connection(namespace, name)));

const good = (policy: Policy): PolicySource => ({
  state: "good",
  origin: `${policy.metadata.namespace ?? ""}/${policy.metadata.name}`,
  policy,
});

const policies = fc.array(
  fc.record({
    namespace: fc.constantFrom(...NAMESPACES),
    account: fc.constantFrom(...ACCOUNTS),
    connections: fc.uniqueArray(fc.constantFrom(...NAMES), { minLength: 1 }),
    kind: fc.constantFrom(
      "allow",
      "deny",
      "observe",
      "guardrail",
      "broken",
      "launched",
      "handed",
      "below",
      "revoked",
    ),
    pod: fc.constantFrom("p1", "p2"),
  }),
  { maxLength: 12 },
);

type Drawn = typeof policies extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function sourceOf({ namespace, account, connections: names, kind, pod }: Drawn, index: number): PolicySource {
  const name = `p${index}`;
  if (kind === "broken")
    return {
      state: "broken",
      origin: `${namespace}/${name}`,
      id: { kind: "SecretAccessPolicy", namespace, name },
      reach: { scope: "names", namespace, names },
      diagnostics: [],
    };
  if (kind === "guardrail" || kind === "revoked")
    return good({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "ClusterSecretAccessPolicy",
      metadata: { name },
      spec: {
        subjects:
          kind === "guardrail"
            ? [{ serviceAccount: { name: account } }]
            : [{ pod: { uid: pod } }, { descendantsOf: { pod: { uid: pod } } }],
        connections: { names },
        deny: [{ name: "no", tcp: {} }],
      },
    } as unknown as Policy);
  const rule = [{ name: "rule", tcp: {}, ...(kind === "handed" ? { delegate: "also" } : {}) }];
  return good({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { namespace, name },
    spec: {
      ...(kind === "observe" ? { mode: "observe" } : {}),
      subjects: [
        {
          serviceAccount: { name: account },
          ...(kind === "launched" ? { launchedBy: { kind: "person" } } : {}),
          ...(kind === "below" ? { descendantsOf: { serviceAccount: { name: "builder" } } } : {}),
        },
      ],
      connections: { names },
      ...(kind === "deny" ? { deny: rule } : { allow: rule }),
    },
  } as unknown as Policy);
}

const configOf = (drawn: readonly Drawn[]): BrokerConfig => ({
  loaded: {
    connections: CONNECTIONS,
    policies: drawn.map(sourceOf),
    identityProviders: [],
    workloadControllers: [],
    tests: [],
    gateways: [],
    diagnostics: [],
  },
  listeners: {},
  authorities: new Map(),
});

const agentOf = (namespace: string, name: string, uid: string): Identity => ({
  serviceAccount: { namespace, name },
  pod: { namespace, name: `${name}-1`, uid },
});
const PERSON = { kind: "person" as const, identity: { user: { name: "u", groups: [] } } };
const BUILDER = { kind: "agent" as const, identity: agentOf("shop", "builder", "p1") };
const LINEAGES: readonly (readonly Ancestor[])[] = [
  [],
  [PERSON],
  [BUILDER, PERSON],
  [{ kind: "agent", identity: agentOf("bank", "agent", "p2") }, BUILDER, PERSON],
];

/** As a broker makes it for a pod that has come with that lineage. */
function planFor(
  { identity, ancestors }: Pick<Caller, "identity" | "ancestors">,
  plan: Plan,
  push: PlanPush,
): PlanPush {
  const plans = classPlans({ plan, push } as Prepared, { note: () => undefined, history: new PlanHistory() });
  return plans.planFor(peerOf(identity, ancestors));
}

function peerOf({ serviceAccount, pod }: Identity, ancestors: readonly Ancestor[]): PodPeer {
  assert.ok(serviceAccount !== undefined && pod !== undefined);
  return {
    uid: pod.uid,
    pod,
    plannedFor: { serviceAccount },
    ancestors,
    isAdoptable: false,
    expiresMs: 0,
    identify: () => Promise.reject(new Error("nobody asks")),
    stillTrusted: () => Promise.reject(new Error("nobody asks")),
  };
}

test("a pod is decided about by the plan of its class as by the whole, and what is left out would be refused anyway", () => {
  const decided: Record<string, number> = {};
  const property = fc.property(policies, (drawn) => {
    const { plan, push } = prepare(configOf(drawn), []);
    for (const namespace of NAMESPACES)
      for (const name of ACCOUNTS) {
        const identity: Identity = agentOf(namespace, name, "p0");
        for (const ancestors of LINEAGES) {
          const part = planFor({ identity, ancestors }, plan, push);
          const own = compile({ connections: part.connections, policies: part.policies });
          for (const { metadata } of CONNECTIONS) {
            const ref = { namespace: metadata.namespace ?? "", name: metadata.name };
            const facts = {
              caller: { identity, ancestors },
              connection: ref,
              nowMs: 0,
              request: openingOf("tcp"),
            };
            const whole = decide(plan, facts);
            decided[whole.outcome] = (decided[whole.outcome] ?? 0) + 1;
            const isTold = own.connections.get(ref.namespace)?.has(ref.name) === true;
            if (!isTold) assert.equal(whole.outcome, "deny");
            else assert.deepEqual(decide(own, facts), whole);
          }
        }
      }
  });
  fc.assert(property, { numRuns: fuzzRuns(80), ...fuzzSeed() });
  assert.ok((decided["allow"] ?? 0) > 0 && (decided["deny"] ?? 0) > 0, JSON.stringify(decided));
});

test("of what no sidecar has the memory for, as many Connections are held as go in, each with all that is said of it", () => {
  const drawn = Array.from({ length: 1_500 }, (): Drawn => {
    return { namespace: "shop", account: "agent", connections: ["orders"], kind: "allow", pod: "p1" };
  });
  const [first, second] = ["ledger", "orders"] as const;
  const few: Drawn[] = [
    { namespace: "shop", account: "agent", connections: [first], kind: "allow", pod: "p1" },
    { namespace: "shop", account: "agent", connections: [first, second], kind: "deny", pod: "p1" },
  ];
  const large = drawn.map((one): Drawn => ({ ...one, connections: [second] }));
  const { plan, push } = prepare(configOf([...few, ...large]), []);
  const alone = (name: string): PlannedFor => ({
    identity: { serviceAccount: { namespace: "shop", name } },
    above: [],
  });
  const names = (views: readonly ConnectionView[]): readonly string[] =>
    views.map(({ metadata }) => metadata.name);
  const cut = planOfClass(plan, push, alone("agent"));
  assert.deepEqual(names(cut.push.connections), [first]);
  assert.deepEqual(names(cut.leftOut.connections), [second]);
  assert.equal(cut.push.policies.length, 2, "with the one that denies, though it speaks of the other too");
  assert.equal(cut.leftOut.policies.length, large.length + 1);
  assert.ok(Buffer.byteLength(JSON.stringify(cut.push)) <= 256 * 1024);
  assert.deepEqual(planOfClass(plan, push, alone("builder")).leftOut, { connections: [], policies: [] });

  const notes: unknown[] = [];
  const plans = classPlans({ plan, push } as Prepared, {
    note: (...told) => void notes.push(told),
    history: new PlanHistory(),
  });
  for (const name of ["agent", "agent", "builder"]) plans.planFor(peerOf(agentOf("shop", name, "p9"), []));
  assert.deepEqual([...plans.leftOut().connections], [[`shop/${second}`, 1]]);
  assert.equal(plans.leftOut().policies.get("shop/p1"), 1);
  assert.equal(plans.leftOut().policies.has("shop/p0"), false);
  assert.equal(notes.length, 1);
});

test("pods have one plan together until a policy names one of them, or one above it", () => {
  const revoked = (pod: Drawn["pod"]): Drawn => {
    return { namespace: "shop", account: "agent", connections: ["orders"], kind: "revoked", pod };
  };
  const allowed: Drawn = { ...revoked("p1"), kind: "allow" };
  const versions = (drawn: readonly Drawn[]): readonly string[] => {
    const { plan, push } = prepare(configOf(drawn), []);
    const pods = [
      { identity: agentOf("shop", "agent", "p1"), ancestors: [PERSON] },
      { identity: agentOf("shop", "agent", "p2"), ancestors: [PERSON] },
      { identity: agentOf("shop", "agent", "p3"), ancestors: [BUILDER, PERSON] },
    ];
    return pods.map((pod) => planFor(pod, plan, push).version);
  };
  const [one, other, below] = versions([allowed]);
  assert.equal(one, other);
  const [named, unnamed, child] = versions([allowed, revoked("p1")]);
  assert.notEqual(named, unnamed);
  assert.equal(unnamed, other, "whom it does not concern learns nothing of it");
  assert.notEqual(child, below, "whoever is below it does");
});
