/** A sample of a rule: what it accepts beside what it refuses. */
import type { KindName } from "#core/api/kind-schemas.ts";

export type Spec = Readonly<Record<string, unknown>>;
type Kinded = {
  readonly apiVersion: string;
  readonly kind: KindName;
  readonly metadata: object;
  readonly spec: Spec;
};

export interface RuleSample {
  readonly kind: KindName;
  /** Where the rule stands: `spec.allow[].postgres`. */
  readonly at: string;
  /** How its message starts. */
  readonly message: string;
  readonly accepted: Kinded;
  readonly refused: Kinded;
}

const BASES = {
  SecretAccessPolicy: { subjects: [{ namespace: "agents" }], connections: { matchLabels: { tier: "a" } } },
  ClusterSecretAccessPolicy: {},
  Connection: {
    protocol: "postgres",
    address: { host: "db", port: 5432 },
    credential: { mode: "static", source: { env: { name: "PASSWORD" } } },
    postgres: { database: "orders" },
  },
  IdentityProvider: { issuer: "https://idp.example.com", audiences: ["sallyport"] },
  WorkloadController: { serviceAccount: { namespace: "sandboxes", name: "controller" } },
  Gateway: {},
  PolicyTest: {},
} satisfies Record<KindName, Spec>;

function object(kind: KindName, change: Spec): Kinded {
  const inNamespace = kind === "SecretAccessPolicy" || kind === "Connection";
  const metadata = { name: "sample", ...(inNamespace ? { namespace: "prod" } : {}) };
  return { apiVersion: "sallyport.dev/v1alpha1", kind, metadata, spec: { ...BASES[kind], ...change } };
}

export function pair(kind: KindName, at: string, message: string, accepted: Spec, refused: Spec): RuleSample {
  return { kind, at, message, accepted: object(kind, accepted), refused: object(kind, refused) };
}

export const user = { name: "ada" };
export const testCase = (change: Spec): Spec => ({
  cases: [
    {
      name: "a",
      subject: { user },
      connection: { namespace: "a", name: "b" },
      expect: { outcome: "deny" },
      ...change,
    },
  ],
});
