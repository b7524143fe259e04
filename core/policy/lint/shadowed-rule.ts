import type { Finding, Lint, LintInput } from "./lint.ts";
import { ruleCovers, subjectsCover } from "./cover.ts";
import { connectionsOf, finding, isInForce, type PlacedRule, rulesIn } from "./world.ts";

export const shadowedRule: Lint = {
  title: "a deny rule takes away all that this rule gives",
  why:
    "A deny rule wins over every ask and allow rule, whichever file it stands in and in whatever order. A rule that is " +
    "wholly covered by one never decides anything, and promises its reader a right that nobody has.",
  find: (input) => {
    const rules = rulesIn(input);
    const denies = rules.filter(({ effect, policy }) => effect === "deny" && isInForce(policy, input.nowMs));
    return rules.filter(({ effect }) => effect !== "deny").flatMap((rule) => shadowOf(rule, denies, input));
  },
  wrong: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
deny:
  - name: no-customers
    reason: Customer data stays in the shop.
    postgres: { statements: [read], tables: [public.*] }
`,
  right: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
deny:
  - name: no-cards
    reason: Card data stays in the shop.
    postgres: { statements: [read], tables: [public.cards] }
`,
};

function shadowOf(shadowed: PlacedRule, denies: readonly PlacedRule[], input: LintInput): Finding[] {
  const deny = denies.find((candidate) => shadows(candidate, shadowed, input));
  if (deny === undefined) return [];
  return [
    finding(
      shadowed.policy,
      shadowed.path,
      `${shadowed.effect} rule "${shadowed.rule.name}" never decides: deny rule "${deny.rule.name}" of ` +
        `${deny.policy.metadata.name} refuses everything it covers`,
    ),
  ];
}

function shadows(deny: PlacedRule, shadowed: PlacedRule, input: LintInput): boolean {
  const connections = connectionsOf(shadowed.policy, input);
  const denied = new Set(connectionsOf(deny.policy, input));
  return (
    connections.length > 0 &&
    connections.every((connection) => denied.has(connection)) &&
    subjectsCover(deny.policy, shadowed.policy) &&
    ruleCovers(deny, shadowed)
  );
}
