import type { Lint } from "./lint.ts";
import { finding } from "./world.ts";

export const ruleWithoutReason: Lint = {
  title: "a deny or ask rule gives the agent no reason",
  why:
    "The reason is all that an agent, and the person behind it, sees of a refusal. Without one it tries again in " +
    "another way; with one it can do what you would rather have it do.",
  find: (world) =>
    world.rules
      .filter(({ effect, rule }) => effect !== "allow" && rule.reason === undefined)
      .map(({ policy, effect, rule, path }) =>
        finding(
          policy,
          path,
          `${effect} rule "${rule.name}" has no reason; say in one sentence why, and what to do instead: the agent reads it`,
        ),
      ),
  wrong: `
deny:
  - name: no-drops
    postgres: { statements: [ddl] }
`,
  right: `
deny:
  - name: no-drops
    reason: Tables are changed by migrations only; open a pull request in acme/orders.
    postgres: { statements: [ddl] }
`,
};
