/** When one rule, pattern or subject takes in all of another. Every answer of `true` is certain; `false` may be a "perhaps". */
import {
  type PostgresPermission,
  PROTOCOLS as PROTOCOL_NAMES,
  type SubjectSelector,
} from "../../api/kinds.gen.ts";
import type { Policy } from "../../api/loaded.ts";
import type { StatementVerb } from "../../statements/postgres/facts.ts";
import { kubernetesCovers } from "../protocols/kubernetes/cover.ts";
import { PRESETS } from "../protocols/postgres/matcher.ts";
import { type NamePattern, parseTablePattern, type PartPattern } from "../protocols/postgres/patterns.ts";
import { namespaceOf, type PlacedRule, subjectsOf } from "./world.ts";

export type PermittedVerb = StatementVerb | "any";

export const WRITE_VERBS: ReadonlySet<PermittedVerb> = new Set([
  "any",
  "insert",
  "update",
  "delete",
  "truncate",
  "copyIn",
  "ddl",
  "dcl",
  "admin",
] satisfies PermittedVerb[]);

export function verbsOf(permission: PostgresPermission | undefined): readonly PermittedVerb[] {
  const preset = permission?.preset === undefined ? [] : PRESETS[permission.preset];
  return [...preset, ...(permission?.statements ?? [])];
}

/**
 * Whether the wide rule speaks of everything that the narrow one speaks of. What leaving a field out means depends on
 * the effect, as matcher.ts tells.
 */
export function ruleCovers(wide: PlacedRule, narrow: PlacedRule): boolean {
  const protocol = PROTOCOL_NAMES.find((name) => wide.rule[name] !== undefined);
  // Rules of two protocols have nothing to do with each other.
  if (protocol === undefined || narrow.rule[protocol] === undefined) return false;
  const blocks = { wide: wide.rule.kubernetes, narrow: narrow.rule.kubernetes };
  if (blocks.wide !== undefined && blocks.narrow !== undefined)
    return kubernetesCovers(blocks.wide, blocks.narrow);
  const outer = scopeOf(wide);
  const inner = scopeOf(narrow);
  return (
    (outer.everyVerb || (!inner.everyVerb && inner.verbs.every((verb) => outer.verbs.includes(verb)))) &&
    (outer.rows === "both" || outer.rows === inner.rows) &&
    tablesCover(outer.tables, inner.tables)
  );
}

interface Scope {
  readonly everyVerb: boolean;
  readonly verbs: readonly PermittedVerb[];
  readonly tables: readonly string[] | undefined;
  readonly rows: "both" | "unfiltered" | "filtered";
}

function scopeOf({ effect, rule }: PlacedRule): Scope {
  const { tables, functions, unfiltered } = rule.postgres ?? {};
  const verbs = verbsOf(rule.postgres);
  const onlyFunctions = functions !== undefined && tables === undefined && unfiltered === undefined;
  return {
    everyVerb: verbs.includes("any") || (effect !== "allow" && verbs.length === 0 && !onlyFunctions),
    verbs,
    tables,
    rows: unfiltered === undefined ? "both" : unfiltered ? "unfiltered" : "filtered",
  };
}

/** An absent list stands for every table, and for acts without one, which not even `*.*` takes in. */
function tablesCover(wide: readonly string[] | undefined, narrow: readonly string[] | undefined): boolean {
  if (wide === undefined) return true;
  if (narrow === undefined) return false;
  const patterns = wide.flatMap(patternOf);
  return narrow
    .flatMap(patternOf)
    .every((pattern) => patterns.some((candidate) => patternCovers(candidate, pattern)));
}

/** Whether there is a table that both patterns match. */
export function tablesOverlap(left: string, right: string): boolean {
  return patternOf(left).some((one) =>
    patternOf(right).some(
      (other) => partsOverlap(one.schema, other.schema) && partsOverlap(one.name, other.name),
    ),
  );
}

function patternOf(text: string): NamePattern[] {
  // What does not parse makes the policy broken, and a lint is shown only good ones.
  const pattern = parseTablePattern(text, "", () => {});
  return pattern === undefined ? [] : [pattern];
}

function patternCovers(wide: NamePattern, narrow: NamePattern): boolean {
  return partCovers(wide.schema, narrow.schema) && partCovers(wide.name, narrow.name);
}

function partCovers(wide: PartPattern, narrow: PartPattern): boolean {
  if (wide.kind === "any") return true;
  return narrow.kind === "exact" && narrow.text === wide.text;
}

function partsOverlap(left: PartPattern, right: PartPattern): boolean {
  return partCovers(left, right) || partCovers(right, left);
}

/** Whether everyone whom `narrow` selects is also selected by `wide`. */
export function subjectsCover(wide: Policy, narrow: Policy): boolean {
  if (wide.spec.subjects === undefined) return true;
  const candidates = subjectsOf(wide);
  const subjects = subjectsOf(narrow);
  return (
    subjects.length > 0 &&
    subjects.every((subject) =>
      candidates.some((candidate) => subjectCovers(candidate, wide, subject, narrow)),
    )
  );
}

/** Every condition of the wide one must be a condition of the narrow one, word for word. */
function subjectCovers(
  wide: SubjectSelector,
  wideOf: Policy,
  narrow: SubjectSelector,
  narrowOf: Policy,
): boolean {
  const given = new Set(conditionsOf(narrow, narrowOf));
  return conditionsOf(wide, wideOf).every((condition) => given.has(condition));
}

function conditionsOf(
  { serviceAccount, pod, namespace, oidc, descendantsOf, launchedBy }: SubjectSelector,
  policy: Policy,
): readonly string[] {
  // Written in different namespaces, the same words may mean different accounts.
  const own = namespaceOf(policy);
  // An account implies its namespace; beside another namespace both are conditions, and nobody meets them.
  const home = serviceAccount && (serviceAccount.namespace ?? own);
  const conditions: readonly (readonly [name: string, value: unknown])[] = [
    ["namespace", namespace],
    ["namespace", home],
    ["account", serviceAccount?.name],
    ["pod", pod?.uid],
    ["provider", oidc?.provider],
    ...Object.entries(oidc?.claims ?? {}).map(
      ([claim, value]) => ["claim", [oidc?.provider, claim, value]] as const,
    ),
    ["descendantsOf", descendantsOf && [own, descendantsOf]],
    ["launchedBy", launchedBy && [own, launchedBy]],
  ];
  return conditions.filter(([, value]) => value !== undefined).map((condition) => JSON.stringify(condition));
}
