import type { Finding, Lint } from "./lint.ts";
import { finding, namespaceOf } from "./world.ts";

export const noConnection: Lint = {
  title: "the labels select no connection that exists",
  why:
    "A label that no connection carries makes a policy that does nothing: its allow rules give no access, and its deny " +
    "and mask rules protect nothing. A policy of a namespace reaches only connections of that namespace. (A name that " +
    "no connection has is reported when the files are read.)",
  find: (world) =>
    world.policies.flatMap((policy): Finding[] => {
      const { connections } = policy.spec;
      // A guardrail for everything is right to stand before the first connection does.
      if (connections === undefined || connections.names !== undefined) return [];
      if (world.connectionsOf(policy).length > 0) return [];
      const own = namespaceOf(policy);
      const where = own === undefined ? "" : ` in namespace ${own}`;
      return [
        finding(
          policy,
          ["spec", "connections"],
          `no connection${where} is selected by this; is a label or a namespace mistyped?`,
        ),
      ];
    }),
  wrong: `
connections: { matchLabels: { tier: reporting } }
limits: { rows: 1000 }
`,
  right: `
connections: { names: [orders-db] }
limits: { rows: 1000 }
`,
};
