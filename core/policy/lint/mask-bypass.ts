import type { Finding, Lint } from "./lint.ts";
import { verbsOf } from "./cover.ts";
import { type MaskedColumn, maskedColumnsIn, rulesBeside, touchesTable } from "./masked-column.ts";
import { finding, type PlacedRule } from "./world.ts";

export const maskBypass: Lint = {
  title: "a rule lets the masked column out another way",
  why:
    "Masks work on the columns of a result, where the database itself says which column a value comes from. A COPY " +
    "stream, a function that reads the table by itself, and statements that nobody analysed do not say it. Leave " +
    "them out of the rule, or keep the rule off the masked table.",
  find: (world) =>
    maskedColumnsIn(world).flatMap((masked) =>
      rulesBeside(masked, world).flatMap((rule) => waysAround(masked, rule)),
    ),
  wrong: `
allow:
  - name: read-customers
    postgres: { statements: [read, copyOut], tables: [public.customers] }
mask:
  - postgres: { columns: [public.customers.email] }
`,
  right: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
mask:
  - postgres: { columns: [public.customers.email] }
`,
};

function waysAround(masked: MaskedColumn, placed: PlacedRule): Finding[] {
  if (!touchesTable(placed, masked.table)) return [];
  const { policy, rule, path } = placed;
  const verbs = verbsOf(rule.postgres);
  const way = (field: string, what: string): Finding[] => [
    finding(
      policy,
      [...path, "postgres", field],
      `${masked.column} is masked by ${masked.policy.metadata.name}, but rule "${rule.name}" ${what}`,
    ),
  ];
  if (verbs.includes("any"))
    return way("statements", "passes statements that nobody analysed, whose results may hold it");
  if (verbs.includes("copyOut"))
    return way("statements", "allows COPY … TO, whose stream names no columns to mask");
  if ((rule.postgres?.functions ?? []).length > 0) {
    return way("functions", "allows functions, whose results may hold what they read from that table");
  }
  return [];
}
