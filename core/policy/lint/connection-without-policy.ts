import type { Policy } from "../../api/loaded.ts";
import type { Lint } from "./lint.ts";
import { hasExpired, idOf, isSomethingBroken } from "./world.ts";

export const connectionWithoutPolicy: Lint = {
  title: "no policy gives anyone access to the connection",
  why:
    "What no policy allows is refused, so a connection without a SecretAccessPolicy in its own namespace can be used " +
    "by nobody. Write the policy, or take the connection away together with its credential.",
  find: (world) => {
    if (isSomethingBroken(world)) return [];
    const grants = (policy: Policy): boolean =>
      policy.kind === "SecretAccessPolicy" && !hasExpired(policy, world.nowMs);
    return world.loaded.connections
      .filter((connection) => !world.policiesOn(connection).some(grants))
      .map((connection) => ({
        object: idOf(connection),
        path: ["metadata", "name"],
        message:
          `no policy in namespace ${connection.metadata.namespace ?? '""'} selects this connection, so nobody can use it; ` +
          "write a SecretAccessPolicy, or delete the connection and its credential",
      }));
  },
  wrong: `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: forgotten-db, namespace: shop }
spec:
  protocol: postgres
  address: { host: forgotten.db.example, port: 5432 }
  credential:
    mode: static
    source: { secret: { name: forgotten-db, key: password } }
  postgres: { database: forgotten, user: app }
`,
  right: `
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
};
