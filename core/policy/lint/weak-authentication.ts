import type { Lint } from "./lint.ts";
import { idOf } from "./world.ts";
import { exampleConnection } from "./example.ts";

export const weakAuthentication: Lint = {
  title: "the connection signs in by a way that gives the password away",
  why:
    "With `md5` whoever sees the answer can guess at the password cheaply, and the hash that the server stores signs in " +
    "as the password does; with `cleartext` the server and the gateway's data plane get the password itself. What poses " +
    "as the server can ask for either in place of SCRAM. Set `password_encryption = scram-sha-256` on the " +
    "server, give the role its password anew, and take `weakAuthentication` away.",
  find: ({ loaded }) =>
    loaded.connections.flatMap((connection) => {
      const ways = connection.spec.postgres?.weakAuthentication ?? [];
      if (ways.length === 0) return [];
      return [
        {
          object: idOf(connection),
          path: ["spec", "postgres", "weakAuthentication"],
          message:
            `${ways.join(" and ")} authentication gives the password away to whoever poses as the server; make the server ` +
            "ask for scram-sha-256, and remove this",
        },
      ];
    }),
  wrong: connectionWith("{ database: orders, user: app, weakAuthentication: [md5] }"),
  right: connectionWith("{ database: orders, user: app }"),
};

function connectionWith(postgres: string): string {
  return `${exampleConnection(postgres)}---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: reporting, namespace: shop }
spec:
  subjects: [{ serviceAccount: { name: reporter } }]
  connections: { names: [orders-db] }
  allow:
    - name: read-orders
      postgres: { statements: [read], tables: [public.orders] }
`;
}
