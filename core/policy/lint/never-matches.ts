import type { PostgresPermission } from "../../api/kinds.gen.ts";
import { STOCK_VERSIONS, stockCatalog } from "../../statements/postgres/stock.ts";
import { parseCodePattern } from "../protocols/postgres/patterns.ts";
import type { Finding, Lint } from "./lint.ts";
import { type PermittedVerb, verbsOf } from "./cover.ts";
import { finding, type PlacedRule } from "./world.ts";

export const neverMatches: Lint = {
  title: "no statement can ever match the rule",
  why:
    "Some fields rule each other out: an INSERT has no rows to narrow, so it is never unfiltered; a TRUNCATE always is; a " +
    "NOTIFY has no table. A rule that asks for both decides nothing, and a deny rule of that kind protects nothing. Nor " +
    "does one that names a function which only computes, such as pg_catalog.repeat: rules speak of code that could do harm.",
  find: (world) => [...world.rules.flatMap(impossible), ...world.rules.flatMap(harmlessCode)],
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

/** Calls of harmless functions are no demand, so that no deny rule ever meets one. */
function harmlessCode({ policy, rule, path, effect }: PlacedRule): Finding[] {
  const { functions = [] } = rule.postgres ?? {};
  if (effect !== "deny") return [];
  return functions.flatMap((pattern, index) => {
    const parsed = parseCodePattern(pattern, "", () => undefined);
    if (parsed?.schema.kind !== "exact" || parsed.name.kind !== "exact") return [];
    const { schema, name } = { schema: parsed.schema.text, name: parsed.name.text };
    if (!isHarmless(schema, name)) return [];
    const at = [...path, "postgres", "functions", index];
    const message = `rule "${rule.name}" never meets ${pattern}: it only computes, and what only computes needs no rule`;
    return [finding(policy, at, message)];
  });
}

/** The name may be a function's, an operator's or a type's: none of them may be one that rules speak of. */
function isHarmless(schema: string, name: string): boolean {
  const harms = STOCK_VERSIONS.map(stockCatalog).flatMap((catalog) => [
    catalog.functionHarm(schema, name, []),
    catalog.operatorHarm(schema, name, []),
    catalog.typeHarm(schema, name, []),
  ]);
  return harms.includes("harmless") && !harms.includes("unknown");
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
