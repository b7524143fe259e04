/** docs/drivers.md, from what a run has found. */
import { FEATURES, type FeatureId, GROUPS, type Group } from "./features.ts";
import { NOTES } from "./notes.ts";
import { type DriverName } from "./programs.ts";
import type { Finding, Report } from "./report.ts";
import { RULES } from "./rules.ts";

const HEAD = `<!-- Written by \`make drivers\` from docs/drivers.json. Edit tools/drivers instead. -->
# Drivers

What drivers do through the gateway, compared with what they do without one. Each cell is the same program, run with the same driver on the
same server, once past the gateway and once through it, on every version of PostgreSQL named below. \`make drivers\` runs them all
again, and fails where a cell is neither the same nor what a rule says.

| | |
|---|---|
| ✓ | the driver sees exactly what it sees without a gateway |
| **letter** | other than without a gateway, by [a rule](#rules) |
| – | the driver [does not offer it](#not-offered) |
`;

export function pageOf(report: Report): string {
  const drivers = Object.keys(report.drivers) as DriverName[];
  const groups = (Object.keys(GROUPS) as Group[]).map((group) => groupTable(group, drivers, report));
  return [
    HEAD,
    versions(report),
    ...groups,
    rules(),
    "## Notes on single drivers\n\n" + NOTES.map((note) => `- ${note}`).join("\n"),
    notOffered(drivers, report),
  ].join("\n\n");
}

function versions({ servers, drivers }: Report): string {
  const each = Object.entries(drivers).map(([name, what]) => `| ${name} | ${what} |`);
  return [
    `Servers: PostgreSQL ${Object.values(servers).join(", ")}. Drivers:`,
    ["| column | what was run |", "|---|---|", ...each].join("\n"),
  ].join("\n\n");
}

function groupTable(group: Group, drivers: readonly DriverName[], { cells }: Report): string {
  const features = (Object.keys(FEATURES) as FeatureId[]).filter((id) => FEATURES[id].group === group);
  const rows = features.map((id) => {
    const marks = drivers.map((driver) => markOf(cells[id][driver]));
    return `| ${FEATURES[id].says} | ${marks.join(" | ")} |`;
  });
  const head = `| | ${drivers.join(" | ")} |\n|---|${drivers.map(() => ":-:|").join("")}`;
  return `## ${GROUPS[group]}\n\n${head}\n${rows.join("\n")}`;
}

/** One mark where every version of the server has the same. */
function markOf(cell: Readonly<Record<string, Finding>>): string {
  const marks = Object.entries(cell).map(([version, finding]) => [version, mark(finding)] as const);
  const [first] = marks;
  if (first !== undefined && marks.every(([, each]) => each === first[1])) return first[1];
  return marks.map(([version, each]) => `${each} on ${version}`).join(", ");
}

function mark(finding: Finding): string {
  if (finding.is === "same") return "✓";
  if (finding.is === "absent") return "–";
  return `**${letterOf(finding.rule)}**`;
}

const letterOf = (name: string): string =>
  String.fromCodePoint("a".charCodeAt(0) + RULES.findIndex((rule) => rule.name === name));

function rules(): string {
  const each = RULES.map(({ name, says }) => `- **${letterOf(name)}** (${name}): ${says}`);
  return `## Rules\n\n${each.join("\n")}`;
}

function notOffered(drivers: readonly DriverName[], { cells }: Report): string {
  const lines = drivers.flatMap((driver) => {
    const byReason = new Map<string, string[]>();
    for (const [id, row] of Object.entries(cells) as [FeatureId, Report["cells"][FeatureId]][])
      for (const finding of Object.values(row[driver]).slice(0, 1))
        if (finding.is === "absent")
          byReason.set(finding.why, [...(byReason.get(finding.why) ?? []), FEATURES[id].says]);
    return [...byReason].map(([why, what]) => `| ${driver} | ${what.join("; ")} | ${why} |`);
  });
  return `## Not offered\n\n| driver | what | because |\n|---|---|---|\n${lines.join("\n")}\n`;
}
