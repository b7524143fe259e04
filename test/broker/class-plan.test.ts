/** What a class of pods is told: what it could reach, every policy that could speak of it there, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type BrokerConfig, prepare } from "#broker/config.ts";
import { planOfClass } from "#broker/pods/class-plan.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Identity } from "#core/policy/facts.ts";
import { openingOf } from "#core/policy/protocols/table.ts";
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
    kind: fc.constantFrom("allow", "deny", "observe", "guardrail", "broken", "launched"),
  }),
  { maxLength: 12 },
);

type Drawn = typeof policies extends fc.Arbitrary<readonly (infer One)[]> ? One : never;

function sourceOf({ namespace, account, connections: names, kind }: Drawn, index: number): PolicySource {
  const name = `p${index}`;
  if (kind === "broken")
    return {
      state: "broken",
      origin: `${namespace}/${name}`,
      id: { kind: "SecretAccessPolicy", namespace, name },
      reach: { scope: "names", namespace, names },
      diagnostics: [],
    };
  if (kind === "guardrail")
    return good({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "ClusterSecretAccessPolicy",
      metadata: { name },
      spec: {
        subjects: [{ serviceAccount: { name: account } }],
        connections: { names },
        deny: [{ name: "no", tcp: {} }],
      },
    } as unknown as Policy);
  const rule = [{ name: "rule", tcp: {} }];
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
    tests: [],
    gateways: [],
    diagnostics: [],
  },
  listeners: {},
  authorities: new Map(),
});

test("a pod is decided about by the plan of its class as by the whole, and what is left out would be refused anyway", () => {
  const decided: Record<string, number> = {};
  const property = fc.property(policies, (drawn) => {
    const { plan, push } = prepare(configOf(drawn), []);
    for (const namespace of NAMESPACES)
      for (const name of ACCOUNTS) {
        const identity: Identity = { serviceAccount: { namespace, name } };
        const part = planOfClass(plan, push, identity);
        const own = compile({ connections: part.push.connections, policies: part.push.policies });
        for (const ancestors of [
          [],
          [{ kind: "person" as const, identity: { user: { name: "u", groups: [] } } }],
        ])
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
  });
  fc.assert(property, { numRuns: fuzzRuns(150), ...fuzzSeed() });
  assert.ok((decided["allow"] ?? 0) > 0 && (decided["deny"] ?? 0) > 0, JSON.stringify(decided));
});

test("a plan that no sidecar has the memory for holds nothing", () => {
  const drawn = Array.from({ length: 3_000 }, (): Drawn => {
    return { namespace: "shop", account: "agent", connections: ["orders"], kind: "allow" };
  });
  const { plan, push } = prepare(configOf(drawn), []);
  const identity = (name: string): Identity => ({ serviceAccount: { namespace: "shop", name } });
  const large = planOfClass(plan, push, identity("agent"));
  assert.deepEqual([large.isTooLarge, large.push.connections, large.push.policies], [true, [], []]);
  assert.equal(planOfClass(plan, push, identity("builder")).isTooLarge, false);
});
