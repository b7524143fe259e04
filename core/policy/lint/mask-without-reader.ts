import type { Lint } from "./lint.ts";
import { maskedColumnsIn, rulesBeside, touchesTable } from "./masked-column.ts";
import { finding, isSomethingBroken } from "./world.ts";

export const maskWithoutReader: Lint = {
  title: "no allowed table has the masked column",
  why:
    "A mask on a table that no rule allows protects nothing today; most often its schema or table is mistyped, and the " +
    "column that was meant goes out in clear.",
  find: (world) =>
    maskedColumnsIn(world).flatMap((masked) => {
      const rules = rulesBeside(masked, world);
      if (
        isSomethingBroken(world) ||
        rules.length === 0 ||
        rules.some((rule) => touchesTable(rule, masked.table))
      )
        return [];
      return [
        finding(
          masked.policy,
          masked.path,
          `no rule on these connections allows ${masked.table}, so there is nothing to mask; is the table spelt as in the rules?`,
        ),
      ];
    }),
  wrong: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
mask:
  - postgres: { columns: [public.customer.email] }
`,
  right: `
allow:
  - name: read-customers
    postgres: { statements: [read], tables: [public.customers] }
mask:
  - postgres: { columns: [public.customers.email] }
`,
};
