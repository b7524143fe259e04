import type { Finding, Lint } from "./lint.ts";
import { ruleCovers } from "./cover.ts";
import { finding, type PlacedRule, rulesOf } from "./world.ts";

export const duplicateRule: Lint = {
  title: "another rule of the same policy already says this",
  why:
    "Two rules that say the same are changed one at a time: whoever takes one away believes that the right is gone. " +
    "Keep the wider one, and put into it what the narrower one explains.",
  find: (world) => world.policies.flatMap((policy) => repeated(rulesOf(policy))),
  wrong: `
allow:
  - name: read-shop
    postgres: { statements: [read], tables: [public.*] }
  - name: read-orders
    postgres: { statements: [read], tables: [public.orders] }
`,
  right: `
allow:
  - name: read-shop
    postgres: { statements: [read], tables: [public.*] }
  - name: read-stock
    postgres: { statements: [read], tables: [warehouse.stock] }
`,
};

function repeated(rules: readonly PlacedRule[]): Finding[] {
  return rules.flatMap((rule, index) => {
    const wider = rules.find(
      (other, otherIndex) =>
        other !== rule && saysAtLeast(other, rule) && (otherIndex < index || !saysAtLeast(rule, other)),
    );
    if (wider === undefined) return [];
    return [
      finding(
        rule.policy,
        rule.path,
        `${rule.effect} rule "${rule.rule.name}" adds nothing to "${wider.rule.name}", which covers all of it; keep one of them`,
      ),
    ];
  });
}

function saysAtLeast(wide: PlacedRule, narrow: PlacedRule): boolean {
  return (
    wide.effect === narrow.effect &&
    (wide.rule.delegate ?? "no") === (narrow.rule.delegate ?? "no") &&
    // A reason of its own is what an agent reads, so a narrower refusal may be there for that alone.
    (narrow.rule.reason === undefined || narrow.rule.reason === wide.rule.reason) &&
    (narrow.rule.postgres?.functions ?? []).every((name) => wide.rule.postgres?.functions?.includes(name)) &&
    ruleCovers(wide, narrow)
  );
}
