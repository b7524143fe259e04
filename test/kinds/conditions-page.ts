/** The sections of docs/conditions.md, as the table of conditions has them. */
import { type Condition, CONDITIONS, type Reason } from "#operator/reconcile/conditions.ts";

export function conditionSections(): readonly string[] {
  return Object.entries<Condition>(CONDITIONS).map(([type, { on, asks, reasons }]) => {
    const head = [`## ${type}`, "", `On ${on.join(", ")}. ${asks}`, ""];
    const table = ["| reason | status | what it means | what to do |", "|---|---|---|---|"];
    return [...head, ...table, ...Object.entries<Reason>(reasons).map(row)].join("\n");
  });
}

function row([name, { status, means, remedy, aside }]: [string, Reason]): string {
  const told = aside === true ? `${status}, told only` : status;
  return `| \`${name}\` | ${told} | ${means} | ${remedy} |`;
}
