/**
 * A compiled `postgres` block of a rule, and what it says about one demand.
 *
 * Where the language leaves room:
 * - `statements` and `preset` add up. An allow rule without either permits no statement, only the `functions` that it
 *   names; a deny or ask rule without either means every statement, unless it speaks of `functions` alone.
 * - `unfiltered: true` narrows a rule to unfiltered acts, `false` to filtered ones, whatever the rule's effect. Analysis
 *   errs towards unfiltered, and so the kinds take `true` in no allow rule and `false` in no deny rule.
 * - `any` forwards what nobody understood only when nothing beside it narrows the rule.
 */
import {
  type Access,
  type Call,
  type Doubt,
  STATEMENT_VERBS,
  type StatementVerb,
} from "#core/statements/postgres/facts.ts";
import { type Report, join, readChoice, readFields, readFlag, readList, readTexts } from "../../shape.ts";
import type { RuleEffect, Touch } from "../family.ts";
import { coversName, overlapsName } from "./names.ts";
import { type NamePattern, STAR_OPERATOR, parseCodePattern, parseTablePattern } from "./patterns.ts";

export type Demand =
  | { readonly kind: "access"; readonly access: Access; readonly verbBit: number }
  | { readonly kind: "call"; readonly call: Call }
  | { readonly kind: "doubt"; readonly doubt: Doubt };

export interface Matcher {
  /** One bit for each verb, see `verbBit`. */
  readonly verbs: number;
  /** Undefined: any relation, and acts that have none. */
  readonly tables: readonly NamePattern[] | undefined;
  readonly functions: readonly NamePattern[] | undefined;
  /** Undefined: both. */
  readonly unfiltered: boolean | undefined;
  /** Every verb and nothing that narrows. */
  readonly whole: boolean;
  /** Forwards without analysis: covers what nobody understood. */
  readonly forwards: boolean;
}

export const PRESETS = {
  readOnly: ["read"],
  // RETURNING reads, and is a read access of its own: writing does not bring it along.
  writeOnly: ["insert", "update", "delete", "copyIn"],
} as const satisfies Record<string, readonly StatementVerb[]>;

/** No PostgreSQL client gets by without these: whoever has any rule has them, until a deny rule says otherwise. */
const IMPLIED: readonly StatementVerb[] = ["transaction", "session"];

const VERB_BITS: ReadonlyMap<string, number> = new Map(STATEMENT_VERBS.map((verb, at) => [verb, 1 << at]));
const EVERY_VERB = (1 << STATEMENT_VERBS.length) - 1;
const IMPLIED_VERBS = verbsOf(IMPLIED);

const FIELDS = ["preset", "statements", "tables", "functions", "unfiltered"];
const STATEMENTS = ["any", ...STATEMENT_VERBS] as const;
const PRESET_NAMES = Object.keys(PRESETS) as readonly (keyof typeof PRESETS)[];

export function compileMatcher(
  block: unknown,
  effect: RuleEffect,
  path: string,
  report: Report,
): Matcher | undefined {
  let broken = false;
  const note: Report = (at, message) => {
    broken = true;
    report(at, message);
  };
  const fields = readFields(block, FIELDS, path, note);
  const preset = readChoice(fields["preset"], PRESET_NAMES, join(path, "preset"), note);
  const statements = readList(fields["statements"], join(path, "statements"), note).map((entry, index) =>
    readChoice(entry, STATEMENTS, `${join(path, "statements")}[${index}]`, note),
  );
  if (fields["statements"] !== undefined && statements.length === 0) {
    note(join(path, "statements"), "is empty; leave it out, or list what it means");
  }
  const tables = readNames(fields["tables"], parseTablePattern, join(path, "tables"), note);
  const functions = readNames(fields["functions"], parseCodePattern, join(path, "functions"), note);
  const unfiltered = readFlag(fields["unfiltered"], join(path, "unfiltered"), note);
  if (broken) return undefined;

  const any = statements.includes("any");
  const listed = verbsOf([...statements, ...(preset ? PRESETS[preset] : [])]);
  const named = fields["statements"] !== undefined || preset !== undefined;
  const narrows =
    tables !== undefined || (effect === "allow" ? unfiltered === false : unfiltered !== undefined);
  const onlyCode = functions !== undefined && !named && !narrows;
  const every = any || (effect !== "allow" && !named && !onlyCode);
  return {
    verbs: every ? everyVerb(effect, listed) : listed,
    tables,
    functions,
    unfiltered,
    whole: every && !narrows,
    forwards: any && !narrows,
  };
}

export function covers(matcher: Matcher, demand: Demand): boolean {
  switch (demand.kind) {
    case "access":
      return (
        (matcher.verbs & demand.verbBit) !== 0 &&
        coversRows(matcher, demand.access) &&
        coversTable(matcher, demand.access)
      );
    case "call":
      return matcher.forwards || vouches(matcher, demand);
    case "doubt":
      return matcher.forwards;
  }
}

/**
 * Naming a function is taken as the author's word for what it does: deny and ask rules about tables do not meet it,
 * only those that name it or everything. Code that is merely forwarded could do anything, so every one of them does.
 */
export function vouches(matcher: Matcher, demand: Demand): boolean {
  if (demand.kind !== "call") return false;
  const { functions } = matcher;
  const { schemas } = demand.call;
  if (functions === undefined || schemas.length === 0) return false;
  const name = codeName(demand.call);
  return schemas.every((schema) => coversName(functions, { schema, name }));
}

export function touches(matcher: Matcher, demand: Demand, vouched: boolean): Touch {
  if (matcher.whole && demand.kind !== "access") return "hit";
  switch (demand.kind) {
    case "access":
      return touchesAccess(matcher, demand.access, demand.verbBit) ? "hit" : "none";
    case "call":
      if (namesCode(matcher, demand.call)) return "hit";
      return vouched ? "none" : "blind";
    case "doubt":
      return "blind";
  }
}

export function isImplied(demand: Demand): boolean {
  return demand.kind === "access" && (demand.verbBit & IMPLIED_VERBS) !== 0;
}

export function coversVerb(matcher: Matcher, access: Access): boolean {
  return (matcher.verbs & verbBit(access.verb)) !== 0;
}

export function coversRows(matcher: Matcher, access: Access): boolean {
  return matcher.unfiltered === undefined || matcher.unfiltered === access.unfiltered;
}

export function coversTable({ tables }: Matcher, { relation }: Access): boolean {
  return tables === undefined || (relation !== undefined && coversName(tables, relation));
}

export function namesCode({ functions }: Matcher, call: Call): boolean {
  if (functions === undefined) return false;
  const name = codeName(call);
  return call.schemas.some((schema) => overlapsName(functions, { schema, name }));
}

function touchesAccess(matcher: Matcher, access: Access, bit: number): boolean {
  if ((matcher.verbs & bit) === 0 || !coversRows(matcher, access)) return false;
  const { tables } = matcher;
  return tables === undefined || (access.relation !== undefined && overlapsName(tables, access.relation));
}

export function codeName(call: Call): string {
  return call.kind === "operator" && call.name === "*" ? STAR_OPERATOR : call.name;
}

/** An ask rule about everything does not send a person every BEGIN; one that lists `transaction` does. */
function everyVerb(effect: RuleEffect, listed: number): number {
  return effect === "ask" ? (EVERY_VERB & ~IMPLIED_VERBS) | listed : EVERY_VERB;
}

function readNames(
  value: unknown,
  parse: (text: string, path: string, report: Report) => NamePattern | undefined,
  path: string,
  report: Report,
): readonly NamePattern[] | undefined {
  if (value === undefined) return undefined;
  const texts = readTexts(value, path, report);
  if (texts.length === 0) report(path, "is empty; leave it out to mean any");
  return texts.flatMap((text, index) => parse(text, `${path}[${index}]`, report) ?? []);
}

function verbsOf(names: readonly (string | undefined)[]): number {
  return names.reduce((bits, name) => bits | verbBit(name), 0);
}

export function verbBit(name: string | undefined): number {
  return name === undefined ? 0 : (VERB_BITS.get(name) ?? 0);
}
