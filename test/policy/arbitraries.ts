/**
 * Policies, callers and requests from alphabets so small that rules, subjects and requests meet all the time. What
 * comes out is measured in `arbitraries.test.ts`: a property over requests that are all refused would prove nothing.
 */
import fc from "fast-check";
import type {
  AgentSelector,
  AllowRule,
  Connection,
  DenyRule,
  LimitsSpec,
  MaskRule,
  OidcSelector,
  PostgresPermission,
  RootSelector,
  SubjectSelector,
} from "#core/api/kinds.gen.ts";
import type { Policy, PolicySource } from "#core/api/loaded.ts";
import type { Ancestor, Caller, Facts, Identity } from "#core/policy/facts.ts";
import type { Sources } from "#core/policy/compile.ts";
import { requests } from "./request-arbitraries.ts";

export interface Scenario {
  readonly sources: Sources;
  readonly facts: Facts;
}

export const NOW_MS = Date.UTC(2027, 0, 1);

/** Before, at and after the present moment. */
const EXPIRIES = [
  "2026-12-31T23:59:59Z",
  "2027-01-01T00:00:00Z",
  "2027-01-01T00:00:01Z",
  "2027-06-01T00:00:00Z",
];

export const CONNECTIONS: readonly Connection[] = [
  connection("shop", "orders", { tier: "gold" }),
  connection("shop", "stock", { tier: "silver" }),
  connection("lab", "orders", { tier: "gold" }),
];

const accountNames = fc.constantFrom("bot", "bot", "bot", "planner");
const namespaces = fc.constantFrom("shop", "shop", "shop", "lab");
const podUids = fc.constantFrom("p1", "p2");
const providers = fc.constantFrom("github", "gitlab");

const identities: fc.Arbitrary<Identity> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ serviceAccount: { namespace: "shop", name: "bot" } }) },
  {
    weight: 4,
    arbitrary: fc.record({
      serviceAccount: fc.constant({ namespace: "shop", name: "bot" }),
      pod: fc.record({ namespace: fc.constant("shop"), name: fc.constant("bot-1"), uid: podUids }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ serviceAccount: fc.record({ namespace: namespaces, name: accountNames }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      oidc: fc.record({
        provider: providers,
        claims: fc.record(
          {
            repo: fc.constantFrom("r1", "r2"),
            groups: fc.subarray(["g1", "g2"]),
            run: fc.constantFrom(1, 2),
          },
          { requiredKeys: [] },
        ),
      }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      user: fc.record({ name: fc.constantFrom("ada", "bob"), groups: fc.subarray(["g1", "g2"]) }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({}) },
);

const ancestors: fc.Arbitrary<Ancestor> = fc.record({
  kind: fc.constantFrom("agent", "agent", "person", "ci", "controller"),
  identity: identities,
});

export const callers: fc.Arbitrary<Caller> = fc.record({
  identity: identities,
  ancestors: fc.oneof(
    { weight: 4, arbitrary: fc.constant([]) },
    { weight: 3, arbitrary: fc.array(ancestors, { maxLength: 3 }) },
  ),
});

const oidcSelectors: fc.Arbitrary<OidcSelector> = fc.record(
  {
    provider: providers,
    claims: fc.record(
      {
        repo: fc.constantFrom("r1", "r2"),
        groups: fc.constantFrom("g1", "g2"),
        run: fc.constantFrom("1", "2"),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ["provider"] },
);

const accountSelectors = fc.record({ name: accountNames, namespace: namespaces }, { requiredKeys: ["name"] });

const agentSelectors: fc.Arbitrary<AgentSelector> = fc.oneof(
  fc.record({ serviceAccount: accountSelectors }),
  fc.record({ serviceAccount: accountSelectors }),
  fc.record({ namespace: namespaces }),
  fc.record({ namespace: namespaces }),
  fc.record({ oidc: oidcSelectors }),
  fc.record({ pod: fc.record({ uid: podUids }) }),
  fc.record({ namespace: namespaces, serviceAccount: accountSelectors }),
);

const rootSelectors: fc.Arbitrary<RootSelector> = fc.oneof(
  fc.record({ kind: fc.constantFrom("person", "ci", "controller") }),
  fc.record({ user: fc.constantFrom("ada", "bob") }),
  fc.record({ group: fc.constantFrom("g1", "g2") }),
  fc.record({ serviceAccount: accountSelectors, kind: fc.constantFrom("ci", "controller") }),
  fc.record({ oidc: oidcSelectors }),
);

const subjects: fc.Arbitrary<SubjectSelector> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ serviceAccount: { name: "bot", namespace: "shop" } }) },
  { weight: 6, arbitrary: agentSelectors },
  { weight: 1, arbitrary: fc.record({ descendantsOf: agentSelectors }) },
  { weight: 1, arbitrary: fc.record({ launchedBy: rootSelectors }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(agentSelectors, agentSelectors, rootSelectors)
      .map(([self, descendantsOf, launchedBy]) => ({ ...self, descendantsOf, launchedBy })),
  },
);

const TABLES = ["public.t", "public.u", "public.*", "*.*", "hr.t", "hr.*", "pg_temp.*"];

const permissions: fc.Arbitrary<PostgresPermission> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .record({
        statements: fc.uniqueArray(fc.constantFrom("read", "insert", "delete", "transaction", "ddl"), {
          minLength: 1,
          maxLength: 4,
        }),
        tables: fc.option(fc.subarray(TABLES, { minLength: 1 }), { nil: undefined, freq: 2 }),
        functions: fc.option(fc.subarray(["public.f", "public.*", "util.f", "*.*"], { minLength: 1 }), {
          nil: undefined,
        }),
        unfiltered: fc.option(fc.boolean(), { nil: undefined, freq: 4 }),
      })
      .map(withoutUndefined),
  },
  { weight: 3, arbitrary: fc.record({ preset: fc.constantFrom("readOnly", "writeOnly") }) },
  { weight: 3, arbitrary: fc.constant({ statements: ["any"] }) },
  {
    weight: 3,
    arbitrary: fc.constant({ statements: ["read", "insert", "delete"], functions: ["public.*", "util.f"] }),
  },
  { weight: 1, arbitrary: fc.constant({ statements: ["any"], tables: ["public.*"] }) },
);

const denied: fc.Arbitrary<PostgresPermission> = fc.oneof(
  { weight: 5, arbitrary: permissions },
  { weight: 2, arbitrary: fc.record({ tables: fc.subarray(TABLES, { minLength: 1, maxLength: 2 }) }) },
  { weight: 1, arbitrary: fc.constant({ unfiltered: true }) },
  { weight: 1, arbitrary: fc.constant({ functions: ["public.f"] }) },
  { weight: 1, arbitrary: fc.constant({}) },
);

const reasons = fc.option(fc.constantFrom("because", "ask the owner"), { nil: undefined });

export const denyRules: fc.Arbitrary<DenyRule> = fc
  .record({ name: fc.constant("d"), reason: reasons, postgres: denied })
  .map(withoutUndefined);
export const allowRules: fc.Arbitrary<AllowRule> = fc
  .record({
    name: fc.constant("a"),
    reason: reasons,
    delegate: fc.constantFrom("no", "also", "also", "also", "only", undefined),
    postgres: permissions,
  })
  .map(withoutUndefined);

const masks: fc.Arbitrary<MaskRule> = fc
  .record({
    action: fc.constantFrom("redact", "nullify", undefined),
    postgres: fc.record({ columns: fc.subarray(["public.t.x", "public.t.y", "*.*.x"], { minLength: 1 }) }),
  })
  .map(withoutUndefined);

const limits: fc.Arbitrary<LimitsSpec> = fc.record(
  { rows: fc.integer({ min: 1, max: 3 }), sessionSeconds: fc.integer({ min: 1, max: 3 }) },
  { requiredKeys: [] },
);

/** Rule names are unique within a policy, as the schema demands. */
function numbered<Rule extends DenyRule>(rules: readonly Rule[]): Rule[] {
  return rules.map((rule, index) => ({ ...rule, name: `${rule.name}${index}` }));
}

const common = {
  mode: fc.constantFrom("enforce", "enforce", "enforce", undefined, undefined, "observe"),
  expires: fc.oneof(
    { weight: 4, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...EXPIRIES) },
  ),
  deny: fc.array(denyRules, { maxLength: 1 }).map(numbered),
  mask: fc.array(masks, { maxLength: 2 }),
  limits: fc.option(limits, { nil: undefined }),
  whenParentEnds: fc.constantFrom("finish", "end", undefined, undefined),
} as const;

const policySpecs = fc
  .record({
    ...common,
    subjects: fc.array(subjects, { minLength: 1, maxLength: 3 }),
    connections: fc.oneof(
      { weight: 4, arbitrary: fc.constant({ names: ["orders", "stock"] }) },
      { weight: 1, arbitrary: fc.constant({ names: ["orders"] }) },
      { weight: 2, arbitrary: fc.constant({ matchLabels: { tier: "gold" } }) },
    ),
    deny: fc.oneof({ weight: 4, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: common.deny }),
    allow: fc.array(allowRules, { minLength: 1, maxLength: 3 }).map(numbered),
    ask: fc
      .array(allowRules, { maxLength: 2 })
      .map((rules) => numbered(rules.map((rule) => ({ ...rule, name: "q" })))),
  })
  .map(withoutUndefined);

const guardrailSpecs = fc
  .record({
    ...common,
    subjects: fc.option(fc.array(subjects, { minLength: 1, maxLength: 2 }), { nil: undefined }),
    connections: fc.constantFrom(
      undefined,
      { namespaces: ["shop"] },
      { names: ["orders"], namespaces: ["lab"] },
      {
        matchLabels: { tier: "gold" },
      },
    ),
    ask: fc
      .array(denyRules, { maxLength: 1 })
      .map((rules) => numbered(rules.map((rule) => ({ ...rule, name: "q" })))),
  })
  .map(withoutUndefined);

export function policies(name: string): fc.Arbitrary<Policy> {
  return fc.oneof({ weight: 5, arbitrary: accessPolicies(name) }, { weight: 1, arbitrary: guardrails(name) });
}

export function accessPolicies(name: string): fc.Arbitrary<Policy> {
  return fc
    .tuple(fc.constantFrom("shop", "shop", "shop", "shop", "lab"), policySpecs)
    .map(([namespace, spec]) => ({
      apiVersion: "sallyport.dev/v1alpha1",
      kind: "SecretAccessPolicy",
      metadata: { name, namespace },
      spec,
    }));
}

export function guardrails(name: string): fc.Arbitrary<Policy> {
  return guardrailSpecs.map((spec) => ({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "ClusterSecretAccessPolicy",
    metadata: { name },
    spec,
  }));
}

export function good(policy: Policy): PolicySource & { readonly state: "good" } {
  return { state: "good", origin: `${policy.metadata.name}.yaml`, policy };
}

const policyLists = fc
  .integer({ min: 1, max: 5 })
  .chain((count) => fc.tuple(...Array.from({ length: count }, (_, index) => policies(`p${index}`))));

export const facts: fc.Arbitrary<Facts> = fc.record({
  caller: callers,
  connection: fc.constantFrom(
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "orders" },
    { namespace: "shop", name: "stock" },
    { namespace: "lab", name: "orders" },
  ),
  nowMs: fc.constant(NOW_MS),
  request: requests,
});

export const scenarios: fc.Arbitrary<Scenario> = fc.record({
  sources: fc.record({
    connections: fc.constant(CONNECTIONS),
    policies: policyLists.map((list) => list.map(good)),
  }),
  facts,
});

function connection(namespace: string, name: string, labels: Record<string, string>): Connection {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { namespace, name, labels },
    spec: {
      protocol: "postgres",
      address: { host: `${name}.${namespace}.example`, port: 5432 },
      credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
    },
  };
}

type Defined<Shape> = { [Key in keyof Shape]: Exclude<Shape[Key], undefined> };

/** Absent and undefined are different things to the kinds; generators only know the latter. */
function withoutUndefined<Shape extends object>(shape: Shape): Defined<Shape> {
  return Object.fromEntries(
    Object.entries(shape).filter(([, value]) => value !== undefined),
  ) as Defined<Shape>;
}
