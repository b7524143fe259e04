import type { Lint } from "./lint.ts";
import { finding, hasExpired } from "./world.ts";

export const expiredPolicy: Lint = {
  title: "the policy's time is over",
  why:
    "After `expires` the policy neither allows, denies, masks nor limits anything. Delete it, or give it a new time: " +
    "what stays behind looks like a right, or a guardrail, that is not there.",
  find: (world) =>
    world.policies
      .filter((policy) => hasExpired(policy, world.nowMs))
      .map((policy) =>
        finding(
          policy,
          ["spec", "expires"],
          `this policy ended at ${policy.spec.expires ?? ""} and has no effect any more; delete it or give it a new time`,
        ),
      ),
  wrong: `
expires: "2020-01-01T00:00:00Z"
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
  right: `
expires: "2090-01-01T00:00:00Z"
allow:
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
};
