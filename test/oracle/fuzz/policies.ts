import fc from "fast-check";
import type { Connection, PostgresPermission, SecretAccessPolicy } from "#core/api/kinds.gen.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Outcome } from "#core/policy/decision.ts";
import type { Plan } from "#core/policy/plan.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { TABLES } from "./grammar.ts";

const someOf = <T>(...values: readonly T[]): fc.Arbitrary<T[]> => fc.subarray([...values], { minLength: 1 });

const VERBS = ["read", "insert", "update", "delete", "copyOut", "lock", "truncate", "ddl"] as const;
const tables = someOf(...Object.keys(TABLES), "public.*", "*.*");
const functions = someOf("public.leak", "public.===", "public.*", "pg_catalog.nextval");

// Analysis says unfiltered when in doubt. So only a rule that lets pass what is filtered, or refuses what is not, means
// something; the other two would reward a statement for looking worse.
const filteredOnly = fc.constant(false);
const unfilteredOnly = fc.constant(true);

/** Often wide, so that much passes; narrow rules refuse nearly everything that is generated. */
const permission: fc.Arbitrary<PostgresPermission> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ statements: fc.constant(VERBS), functions }) },
  {
    weight: 3,
    arbitrary: fc.record(
      { statements: fc.constant(["read"] as const), unfiltered: filteredOnly },
      { requiredKeys: ["statements"] },
    ),
  },
  { weight: 1, arbitrary: fc.constant({ statements: ["any"] as const }) },
  {
    weight: 3,
    arbitrary: fc.record(
      { statements: someOf(...VERBS), tables, functions, unfiltered: filteredOnly },
      { requiredKeys: ["statements"] },
    ),
  },
);
const refusal: fc.Arbitrary<PostgresPermission> = fc.record(
  { statements: someOf(...VERBS), tables, functions, unfiltered: unfilteredOnly },
  { requiredKeys: ["tables"] },
);

const rules = (kind: string, block: fc.Arbitrary<PostgresPermission>, maxLength: number) =>
  fc
    .array(block, { maxLength })
    .map((blocks) => blocks.map((postgres, index) => ({ name: `${kind}-${index}`, postgres })));

/** Plans of one policy about the tables and functions of the test schema. */
export const plans: fc.Arbitrary<Plan> = fc
  .record({
    allow: rules("allow", permission, 4),
    deny: rules("deny", refusal, 1),
    ask: rules("ask", refusal, 1),
  })
  .map((spec) => compile({ connections: [CONNECTION], policies: [good(spec)] }));

const CONNECTION: Connection = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Connection",
  metadata: { name: "shop", namespace: "prod" },
  spec: {
    protocol: "postgres",
    address: { host: "db.example.com", port: 5432 },
    credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
    postgres: { database: "shop", user: "agent" },
  },
};

const AGENT = { serviceAccount: { namespace: "prod", name: "agent" } };

function good(rulesOfPolicy: Pick<SecretAccessPolicy["spec"], "allow" | "deny" | "ask">) {
  const spec: SecretAccessPolicy["spec"] = {
    subjects: [AGENT],
    connections: { names: ["shop"] },
    ...rulesOfPolicy,
  };
  const policy: SecretAccessPolicy = {
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "SecretAccessPolicy",
    metadata: { name: "fuzzed", namespace: "prod" },
    spec,
  };
  return { state: "good", origin: "fuzzed.yaml", policy } as const;
}

const RANK = { deny: 0, ask: 1, allow: 2 } as const satisfies Record<Outcome, number>;

export function outcomeOf(plan: Plan, statements: readonly StatementFacts[]): Outcome {
  return decide(plan, {
    caller: { identity: AGENT, ancestors: [] },
    connection: { namespace: "prod", name: "shop" },
    nowMs: Date.UTC(2026, 11, 1),
    request: { protocol: "postgres", statements },
  }).outcome;
}

export const isMorePermissive = (outcome: Outcome, than: Outcome): boolean => RANK[outcome] > RANK[than];
