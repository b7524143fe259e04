/** The alerts as they are shipped. */
import { load } from "js-yaml";
import { textOf } from "#test/architecture/sources.ts";

export const RULES = "charts/sallyport/monitoring/alerts.yaml";
export const RUNBOOKS = "docs/operations/runbooks.md";

export interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

export const ruleGroups = load(textOf(RULES)) as {
  readonly groups: readonly { readonly name: string; readonly rules: readonly Rule[] }[];
};

export const rules: readonly Rule[] = ruleGroups.groups.flatMap((group) => group.rules);
