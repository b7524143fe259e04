import type { Connection } from "../../api/kinds.gen.ts";
import { exampleConnection } from "./example.ts";
import type { Finding, Lint } from "./lint.ts";
import { idOf } from "./world.ts";

const NONE = `
    mode: none`;

export const trustingUpstream: Lint = {
  title: "the database takes whoever reaches it, so what keeps others out is the network alone",
  why:
    "With `mode: none` the gateway signs in without a credential, which works only where the server trusts everybody that reaches " +
    "it: an agent that gets there past the gateway is let in as well, as any role. With `user: asRequested` the server " +
    "does not even see one role for the Connection, but whatever the agent says it is, superuser included; who the agent " +
    "really is stands in the trail and in application_name only. Both are for conformance runs on a server of their own. " +
    "Otherwise give the role a password (`scram-sha-256` in pg_hba.conf), and name role and source.",
  find: ({ loaded }) => loaded.connections.flatMap((connection) => findingOf(connection) ?? []),
  wrong: connectionWith("{ user: asRequested }", NONE),
  right: connectionWith("{ database: orders, user: app }"),
};

function findingOf(connection: Connection): Finding | undefined {
  const { credential, postgres } = connection.spec;
  if (postgres === undefined || credential.mode !== "none") return undefined;
  if (postgres.user !== "asRequested")
    return {
      object: idOf(connection),
      path: ["spec", "credential", "mode"],
      message:
        "nothing is proved to the database, so it has to trust whoever reaches it, past the gateway too; have it ask for " +
        "scram-sha-256, and say where the credential is",
    };
  return {
    object: idOf(connection),
    path: ["spec", "postgres", "user"],
    message:
      "agents choose the role that the database sees, superuser included, and prove nothing; outside of a conformance " +
      "run name one role, and say where its credential is",
  };
}

function connectionWith(postgres: string, credential?: string): string {
  return `${exampleConnection(postgres, credential)}---
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
