/** What the lints about masks share: each column pattern, where it stands, and the rules that read its table. */
import type { Path } from "../../api/located.ts";
import type { Policy } from "../../api/loaded.ts";
import { tablesOverlap, verbsOf } from "./cover.ts";
import { hasExpired, type PlacedRule, rulesOf, type World } from "./world.ts";

export interface MaskedColumn {
  readonly policy: Policy;
  /** ["spec", "mask", "postgres", "columns"] */
  readonly path: Path;
  /** `public.customers.email` */
  readonly column: string;
  /** `public.customers` */
  readonly table: string;
}

export function maskedColumnsIn(world: World): readonly MaskedColumn[] {
  return world.policies
    .filter((policy) => !hasExpired(policy, world.nowMs))
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
export function rulesBeside({ policy }: MaskedColumn, world: World): readonly PlacedRule[] {
  const policies = new Set(world.connectionsOf(policy).flatMap(world.policiesOn));
  return [...policies].flatMap(rulesOf).filter(({ effect }) => effect !== "deny");
}

export function touchesTable({ rule }: PlacedRule, table: string): boolean {
  if (verbsOf(rule.postgres).includes("any")) return true;
  return (
    rule.postgres?.tables === undefined ||
    rule.postgres.tables.some((pattern) => tablesOverlap(pattern, table))
  );
}
