import type { Policy } from "../../api/loaded.ts";
import { subjectsCover } from "./cover.ts";
import type { Finding, Lint, LintInput } from "./lint.ts";
import { connectionsOf, finding, hasExpired, isInForce, isSomethingBroken, policiesIn } from "./world.ts";

export const openWhileObserving: Lint = {
  title: "while the policy only observes, everything passes",
  why:
    "A policy in observe mode refuses nothing, and where no policy in force selects the same subjects for the same " +
    "connection, neither does anything else: they may do whatever the connection's role may. That is right for a " +
    "trial on a database that was open before. Otherwise put an enforcing policy, or a guardrail, beside it.",
  find: (input) => {
    if (isSomethingBroken(input)) return [];
    const policies = policiesIn(input);
    const enforcing = policies.filter((policy) => isInForce(policy, input.nowMs));
    return policies
      .filter(({ kind, spec }) => kind === "SecretAccessPolicy" && spec.mode === "observe")
      .filter((policy) => !hasExpired(policy, input.nowMs))
      .flatMap((policy) => openings(policy, enforcing, input));
  },
  wrong: `
mode: observe
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
  right: `
mode: enforce
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
};

function openings(policy: Policy, enforcing: readonly Policy[], input: LintInput): Finding[] {
  const open = connectionsOf(policy, input).filter(
    (connection) =>
      !enforcing.some(
        (other) => subjectsCover(other, policy) && connectionsOf(other, input).includes(connection),
      ),
  );
  if (open.length === 0) return [];
  const names = open.map(({ metadata }) => metadata.name).join(", ");
  return [
    finding(
      policy,
      ["spec", "mode"],
      `no policy in force is known to select all of these subjects for ${names}, so whatever they run there passes; ` +
        "put an enforcing policy beside it",
    ),
  ];
}
