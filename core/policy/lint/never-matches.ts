import type { PostgresPermission } from "../../api/kinds.gen.ts";
import type { Finding, Lint } from "./lint.ts";
import { type PermittedVerb, verbsOf } from "./cover.ts";
import { finding, type PlacedRule } from "./world.ts";

export const neverMatches: Lint = {
  title: "no statement can ever match the rule",
  why:
    "Some fields rule each other out: an INSERT has no rows to narrow, so it is never unfiltered; a TRUNCATE always is; a " +
    "NOTIFY has no table. A rule that asks for both decides nothing, and a deny rule of that kind protects nothing.",
  find: (world) => world.rules.flatMap(impossible),
  wrong: `
allow:
  - name: write
    postgres: { statements: [insert], tables: [public.events] }
deny:
  - name: no-mass-inserts
    reason: Write events one by one.
    postgres: { statements: [insert], unfiltered: true }
`,
  right: `
allow:
  - name: write
    postgres: { statements: [insert], tables: [public.events] }
deny:
  - name: no-mass-deletes
    reason: Delete with a condition.
    postgres: { statements: [delete], unfiltered: true }
`,
};

export const NEVER_UNFILTERED: ReadonlySet<PermittedVerb> = new Set([
  "insert",
  "copyIn",
  "ddl",
  "dcl",
  "notify",
  "maintenance",
  "admin",
  "transaction",
  "session",
] satisfies PermittedVerb[]);
export const ALWAYS_UNFILTERED: ReadonlySet<PermittedVerb> = new Set(["truncate"] satisfies PermittedVerb[]);
export const WITHOUT_TABLE: ReadonlySet<PermittedVerb> = new Set([
  "notify",
  "transaction",
  "session",
] satisfies PermittedVerb[]);

function impossible({ policy, rule, path }: PlacedRule): Finding[] {
  const permission = rule.postgres;
  const verbs = verbsOf(permission);
  if (permission === undefined || verbs.length === 0) return [];
  const reasons = verbs.map((verb) => whyNever(verb, permission));
  const [field, why] = reasons[0] ?? [];
  if (field === undefined || why === undefined || reasons.includes(undefined)) return [];
  return [
    finding(policy, [...path, "postgres", field], `no statement ever matches rule "${rule.name}": ${why}`),
  ];
}

/** The field that rules the verb out; undefined when nothing does. */
function whyNever(
  verb: PermittedVerb,
  { unfiltered, tables }: PostgresPermission,
): readonly [field: "unfiltered" | "tables", why: string] | undefined {
  if (unfiltered === true && NEVER_UNFILTERED.has(verb)) return ["unfiltered", `${verb} is never unfiltered`];
  if (unfiltered === false && ALWAYS_UNFILTERED.has(verb))
    return ["unfiltered", `${verb} is always unfiltered`];
  if (tables !== undefined && WITHOUT_TABLE.has(verb)) return ["tables", `${verb} is about no table`];
  return undefined;
}
