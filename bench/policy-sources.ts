/** Policies for the benchmark: five that concern its decision, and many that do not. */
import type { AllowRule, Connection, DenyRule, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import type { Sources } from "#core/policy/compile.ts";
import type { Facts } from "#core/policy/facts.ts";

/** What tells the other policies from those that concern the decision. */
export const OTHERS = ["connection", "service account", "claim", "agent above"] as const;
export type Others = (typeof OTHERS)[number];

const CONCERNED = 5;
const RULES_PER_POLICY = 20;
const DENY_RULES_PER_POLICY = 4;
const CONNECTIONS = 50;
const NAMESPACE = "shop";

type Spec = SecretAccessPolicy["spec"];

export function benchSources(others: Others, count: number): Sources {
  const concerned = Array.from({ length: CONCERNED }, (_, at) =>
    policy(`concerned-${at}`, {
      subjects: [
        { oidc: { provider: "github", claims: { repository: "acme/orders", ref: "refs/heads/main" } } },
      ],
      connections: { names: ["orders"] },
      allow: allowRules(at),
      deny: denyRules(at),
      mask: [{ postgres: { columns: [`public.customers.email_${at}`] } }],
    }),
  );
  const rest = Array.from({ length: count - CONCERNED }, (_, at) =>
    policy(`other-${at}`, { ...OTHER_SPECS[others](at), allow: allowRules(at), deny: denyRules(at) }),
  );
  return {
    connections: [
      connection("orders"),
      ...Array.from({ length: CONNECTIONS }, (_, at) => connection(`c${at}`)),
    ],
    policies: [...rest, ...concerned].map((each) => ({
      state: "good",
      origin: `${each.metadata.name}.yaml`,
      policy: each,
    })),
  };
}

/** `UPDATE … FROM … RETURNING` by an agent that another agent launched: three accesses, one call, two links. */
export function benchFacts(): Facts {
  const identity = {
    oidc: {
      provider: "github",
      claims: {
        sub: "repo:acme/orders:ref:refs/heads/main",
        repository: "acme/orders",
        ref: "refs/heads/main",
        actor: "ada",
        run_attempt: 1,
        environment: "production",
        groups: ["deployers", "on-call"],
      },
    },
  };
  const orders = { schema: "public", name: "table_3_7" };
  const access = { relation: orders, unfiltered: false };
  return {
    caller: {
      identity,
      ancestors: [
        { kind: "agent", identity },
        { kind: "person", identity: { user: { name: "ada", groups: [] } } },
      ],
    },
    connection: { namespace: NAMESPACE, name: "orders" },
    nowMs: Date.UTC(2027, 0, 1),
    request: {
      protocol: "postgres",
      statements: [
        {
          class: "update",
          accesses: [
            { verb: "update", ...access },
            { verb: "read", ...access },
            { verb: "read", relation: { schema: "public", name: "table_1_2" }, unfiltered: true },
          ],
          calls: [{ kind: "function", schemas: ["public"], name: "function_4_3" }],
          doubts: [],
          columns: [],
          literalOffsetsBytes: [],
          startByte: 0,
          lengthBytes: 80,
        },
      ],
    },
  };
}

const OTHER_SPECS: Readonly<Record<Others, (at: number) => Pick<Spec, "subjects" | "connections">>> = {
  connection: (at) => ({
    subjects: [{ oidc: { provider: "github" } }],
    connections: { names: [`c${at % CONNECTIONS}`] },
  }),
  "service account": (at) => ({
    subjects: [{ serviceAccount: { name: `agent-${at}` } }],
    connections: { names: ["orders"] },
  }),
  claim: (at) => ({
    subjects: [
      { oidc: { provider: "github", claims: { repository: `acme/r${at}`, ref: "refs/heads/main" } } },
    ],
    connections: { names: ["orders"] },
  }),
  "agent above": (at) => ({
    subjects: [{ oidc: { provider: "github" }, descendantsOf: { serviceAccount: { name: `agent-${at}` } } }],
    connections: { names: ["orders"] },
  }),
};

function allowRules(policyAt: number): AllowRule[] {
  return Array.from({ length: RULES_PER_POLICY - DENY_RULES_PER_POLICY }, (_, at) => ({
    name: `allow-${at}`,
    delegate: "also",
    postgres: {
      statements: ["read", "update"],
      tables: [`public.table_${policyAt}_${at}`, `reporting_${at}.*`],
      functions: [`public.function_${policyAt}_${at}`],
    },
  }));
}

function denyRules(policyAt: number): DenyRule[] {
  return Array.from({ length: DENY_RULES_PER_POLICY }, (_, at) => ({
    name: `deny-${at}`,
    postgres: { tables: [`hr_${policyAt}.*`, `public.secret_${at}`] },
  }));
}

function policy(name: string, spec: Spec): SecretAccessPolicy {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name, namespace: NAMESPACE },
    spec,
  };
}

function connection(name: string): Connection {
  return {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { name, namespace: NAMESPACE },
    spec: {
      protocol: "postgres",
      address: { host: `${name}.example`, port: 5432 },
      credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
    },
  };
}
