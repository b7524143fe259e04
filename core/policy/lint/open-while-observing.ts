import type { Policy } from "../../api/loaded.ts";
import { subjectsCover } from "./cover.ts";
import type { Finding, Lint } from "./lint.ts";
import { finding, hasExpired, isInForce, isSomethingBroken, type World } from "./world.ts";

export const openWhileObserving: Lint = {
  title: "while the policy only observes, everything passes",
  why:
    "A policy in observe mode refuses nothing, and where no policy in force selects the same subjects for the same " +
    "connection, neither does anything else: they may do whatever the connection's role may. That is right for a " +
    "trial on a database that was open before. Otherwise put an enforcing policy, or a guardrail, beside it.",
  find: (world) => {
    if (isSomethingBroken(world)) return [];
    return world.policies
      .filter(({ kind, spec }) => kind === "SecretAccessPolicy" && spec.mode === "observe")
      .filter((policy) => !hasExpired(policy, world.nowMs))
      .flatMap((policy) => openings(policy, world));
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

function openings(policy: Policy, { connectionsOf, policiesOn, nowMs }: World): Finding[] {
  const open = connectionsOf(policy).filter(
    (connection) =>
      !policiesOn(connection).some((other) => isInForce(other, nowMs) && subjectsCover(other, policy)),
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
