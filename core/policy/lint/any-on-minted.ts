import type { Lint } from "./lint.ts";
import { finding } from "./world.ts";
import { exampleConnection } from "./example.ts";

const MINTED = `
    mode: minted
    source:
      postgresRole:
        template: reporting
        minter: { user: sallyport_minter, secret: { name: orders-db-minter, key: password } }`;

export const anyOnMinted: Lint = {
  title: "unanalysed statements on a minted role, which can give itself a password",
  why:
    "`statements: [any]` forwards what was not analysed, and PostgreSQL lets every role change its own password. An " +
    "agent could run ALTER ROLE … PASSWORD on the role that was minted for it and dial the database past the " +
    "gateway for as long as the role lives. Name the statements it needs; none of the named classes covers a " +
    "password change.",
  find: (world) =>
    world.rules.flatMap(({ policy, effect, rule, path }) => {
      if (effect === "deny" || !rule.postgres?.statements?.includes("any")) return [];
      const minted = world
        .connectionsOf(policy)
        .find((connection) => connection.spec.credential.mode === "minted");
      if (minted === undefined) return [];
      return [
        finding(
          policy,
          [...path, "postgres", "statements"],
          `"any" on ${minted.metadata.name}, whose role is minted: the agent could give that role a password and dial ` +
            "the database without the gateway; name the statements it needs",
        ),
      ];
    }),
  wrong: mintedWith("statements: [any]"),
  right: mintedWith("statements: [read, insert], tables: [public.orders]"),
};

function mintedWith(permission: string): string {
  return `${exampleConnection("{ database: orders }", MINTED)}---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: reporting, namespace: shop }
spec:
  subjects: [{ serviceAccount: { name: reporter } }]
  connections: { names: [orders-db] }
  allow:
    - name: work
      postgres: { ${permission} }
`;
}
