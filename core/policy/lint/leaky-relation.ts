import { LEAKY_RELATIONS } from "../../statements/postgres/leaky.ts";
import { tablesOverlap, verbsOf } from "./cover.ts";
import type { Finding, Lint } from "./lint.ts";
import { finding, type PlacedRule } from "./world.ts";

export const leakyRelation: Lint = {
  title: "the rule reads system tables that hold passwords or other people's data",
  why:
    "pg_catalog describes the schema, and that is what drivers and tools read there. A few of its relations hold more: " +
    "password verifiers, connection strings, the statements of other sessions, samples of every table's values. " +
    "`pg_catalog.*` and `*.*` take these in. List the ones that are needed, such as pg_catalog.pg_class.",
  find: (world) => world.rules.filter(({ effect }) => effect === "allow").flatMap(leaksOf),
  wrong: `
allow:
  - name: read-everything
    postgres: { preset: readOnly, tables: ["*.*"] }
`,
  right: `
allow:
  - name: read-shop
    postgres: { preset: readOnly, tables: [public.*, pg_catalog.pg_class, pg_catalog.pg_attribute] }
`,
};

const EXAMPLES = [
  "pg_authid",
  "pg_stats",
  "pg_stat_activity",
] as const satisfies (keyof typeof LEAKY_RELATIONS)[];

function leaksOf({ policy, rule, path }: PlacedRule): Finding[] {
  const reads = verbsOf(rule.postgres).some((verb) => verb === "read" || verb === "copyOut");
  if (!reads) return [];
  const { tables } = rule.postgres ?? {};
  if (tables === undefined) return [finding(policy, path, everyTable(rule.name))];
  return tables.flatMap((pattern, index) => {
    const leaks = Object.entries(LEAKY_RELATIONS).filter(([name]) =>
      tablesOverlap(pattern, `pg_catalog.${name}`),
    );
    const [first] = leaks;
    if (first === undefined) return [];
    const at = [...path, "postgres", "tables", index];
    const [name, what] = first;
    return [
      finding(
        policy,
        at,
        leaks.length === 1
          ? `rule "${rule.name}" gives away ${what}: pg_catalog.${name}`
          : `rule "${rule.name}" reads all of pg_catalog by "${pattern}", so also ${sample()}; list the relations it needs`,
      ),
    ];
  });
}

function everyTable(rule: string): string {
  return `rule "${rule}" names no tables, so it reads every one, also ${sample()}; list the tables it needs`;
}

function sample(): string {
  return EXAMPLES.map((name) => `${name} (${LEAKY_RELATIONS[name]})`).join(", ");
}
