/** What the lints about masks share: each column pattern, where it stands, and the rules that read its table. */
import type { Path } from "../../api/located.ts";
import type { Policy } from "../../api/loaded.ts";
import { tablesOverlap, verbsOf } from "./cover.ts";
import type { LintInput } from "./lint.ts";
import { connectionsOf, hasExpired, type PlacedRule, policiesIn, rulesIn } from "./world.ts";

export interface MaskedColumn {
  readonly policy: Policy;
  /** ["spec", "mask", "postgres", "columns"] */
  readonly path: Path;
  /** `public.customers.email` */
  readonly column: string;
  /** `public.customers` */
  readonly table: string;
}

export function maskedColumnsIn(input: LintInput): readonly MaskedColumn[] {
  return policiesIn(input)
    .filter((policy) => !hasExpired(policy, input.nowMs))
    .flatMap((policy) =>
      (policy.spec.mask ?? []).flatMap((mask, maskIndex) =>
        (mask.postgres?.columns ?? []).map((column, index) => ({
          policy,
          path: ["spec", "mask", maskIndex, "postgres", "columns", index],
          column,
          table: column.slice(0, column.lastIndexOf(".")),
        })),
      ),
    );
}

/** Allow and ask rules on a connection that the mask's policy selects too. */
export function rulesBeside({ policy }: MaskedColumn, input: LintInput): readonly PlacedRule[] {
  const connections = new Set(connectionsOf(policy, input));
  return rulesIn(input).filter(
    (rule) =>
      rule.effect !== "deny" &&
      connectionsOf(rule.policy, input).some((connection) => connections.has(connection)),
  );
}

export function touchesTable({ rule }: PlacedRule, table: string): boolean {
  if (verbsOf(rule.postgres).includes("any")) return true;
  return (
    rule.postgres?.tables === undefined ||
    rule.postgres.tables.some((pattern) => tablesOverlap(pattern, table))
  );
}
