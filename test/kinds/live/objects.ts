/** Small good objects of our kinds, to be changed by each test. */
import type { OwnKind } from "#operator/kube/resource.ts";

export const API_VERSION = "sallyport.dev/v1alpha1";

export function connectionObject(namespace: string, name: string, spec: object = {}): OwnKind {
  return {
    apiVersion: API_VERSION,
    kind: "Connection",
    metadata: { namespace, name },
    spec: {
      protocol: "postgres",
      address: { host: "db.example.com", port: 5432 },
      credential: { mode: "static", source: { secret: { name: "db", key: "password" } } },
      postgres: { database: "orders", user: "reader" },
      ...spec,
    },
  };
}

export function tcpObject(namespace: string, name: string): OwnKind {
  return {
    apiVersion: API_VERSION,
    kind: "Connection",
    metadata: { namespace, name },
    spec: {
      protocol: "tcp",
      address: { host: "search.example.com", port: 9243 },
      credential: { mode: "none" },
      tcp: { requireTls: true },
    },
  };
}

export function policyObject(namespace: string, name: string, spec: object = {}): OwnKind {
  return {
    apiVersion: API_VERSION,
    kind: "SecretAccessPolicy",
    metadata: { namespace, name },
    spec: {
      subjects: [{ serviceAccount: { name: "runner" } }],
      connections: { names: ["orders"] },
      allow: [{ name: "read", postgres: { preset: "readOnly" } }],
      ...spec,
    },
  };
}
