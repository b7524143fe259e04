/** Whether a decision is what a case expects. */
import type { PolicyTest } from "#core/api/kinds.gen.ts";
import type { ColumnMask, Decision, Limits } from "#core/policy/decision.ts";
import { shortName } from "../rules.ts";
import type { Mismatch } from "./report.ts";

export type Expectation = PolicyTest["spec"]["cases"][number]["expect"];

/** A field that the case leaves out is not compared; one that it gives is compared whole. */
export function mismatchesOf(expect: Expectation, decision: Decision): readonly Mismatch[] {
  return [
    ...compare("outcome", expect.outcome, decision.outcome),
    ...compare("code", expect.code, decision.code),
    ...compare("by", expect.by, decision.by === undefined ? NOTHING : shortName(decision.by)),
    ...compare(
      "mask",
      expect.mask && listText(expect.mask),
      listText(decision.obligations.mask.map(maskText)),
    ),
    ...compare("limits", expect.limits && limitsText(expect.limits), limitsText(decision.obligations.limits)),
  ];
}

const NOTHING = "no rule";

function compare(field: string, expected: string | undefined, actual: string): Mismatch[] {
  return expected === undefined || expected === actual ? [] : [{ field, expected, actual }];
}

/** As a policy's mask writes it. */
function maskText({ schema, table, column }: ColumnMask): string {
  return [schema, table, column].map(part).join(".");
}

function part(name: string): string {
  return name === "*" || /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function listText(items: readonly string[]): string {
  return items.length === 0 ? "none" : items.toSorted().join(", ");
}

function limitsText(limits: Limits): string {
  return listText(Object.entries(limits).map(([name, number]) => `${name} ${number}`));
}
