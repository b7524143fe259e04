/** PostgreSQL demands and rules in words, for refusals and explanations. */
import type { Call, RelationName } from "#core/statements/postgres/facts.ts";
import type { Touch } from "../family.ts";
import {
  type Demand,
  type Matcher,
  coversRows,
  coversTable,
  coversVerb,
  namesCode,
  touches,
  vouches,
} from "./matcher.ts";

const NAME_CHARS_MAX = 70;
const DOUBT_CHARS_MAX = 200;

export function say(demand: Demand): string {
  switch (demand.kind) {
    case "access": {
      const { verb, relation, unfiltered } = demand.access;
      const rows = unfiltered ? " without a filter" : "";
      return relation === undefined ? `${verb}${rows}` : `${verb} on ${sayRelation(relation)}${rows}`;
    }
    case "call":
      return `call of ${demand.call.kind} ${sayCode(demand.call)}`;
    case "doubt":
      return printable(demand.doubt.text, DOUBT_CHARS_MAX);
  }
}

export function whyNotCovered(matcher: Matcher, demand: Demand): readonly string[] {
  switch (demand.kind) {
    case "doubt":
      return matcher.forwards
        ? []
        : ["only statements: [any] without tables forwards what is not understood"];
    case "call":
      if (matcher.forwards || vouches(matcher, demand)) return [];
      return [
        matcher.functions === undefined
          ? `its functions do not name ${sayCode(demand.call)}`
          : `its functions do not cover ${sayCode(demand.call)} in every schema that it could come from`,
      ];
    case "access": {
      const { access } = demand;
      const why: string[] = [];
      if (!coversVerb(matcher, access)) why.push(`its statements do not list ${access.verb}`);
      if (!coversTable(matcher, access)) why.push(`its tables do not cover ${tableWords(access.relation)}`);
      if (!coversRows(matcher, access)) {
        why.push(
          access.unfiltered ? "it is for filtered statements only" : "it is for unfiltered statements only",
        );
      }
      return why;
    }
  }
}

export function whyTouched(matcher: Matcher, demand: Demand, vouched: boolean): string {
  const touch = touches(matcher, demand, vouched);
  return touch === "none" ? whyUntouched(matcher, demand) : WHY_TOUCHED[touch](matcher, demand);
}

const WHY_TOUCHED: Record<Exclude<Touch, "none">, (matcher: Matcher, demand: Demand) => string> = {
  hit: (matcher, demand) => {
    if (matcher.whole) return "it means every statement";
    if (demand.kind === "call") return `its functions may mean ${sayCode(demand.call)}`;
    return `it may mean ${say(demand)}`;
  },
  blind: (_, demand) =>
    demand.kind === "call"
      ? `${sayCode(demand.call)} may do what it forbids; an allow rule that names the function vouches for it`
      : "what is not understood may do what it forbids",
};

function whyUntouched(matcher: Matcher, demand: Demand): string {
  if (demand.kind !== "access") {
    return demand.kind === "call" && !namesCode(matcher, demand.call)
      ? "its functions do not name it, and an allow rule vouches for it"
      : "it does not speak of it";
  }
  const { access } = demand;
  if (!coversVerb(matcher, access)) return `it does not speak of ${access.verb}`;
  if (!coversRows(matcher, access)) {
    return access.unfiltered ? "it is for filtered statements only" : "it is for unfiltered statements only";
  }
  return `it does not speak of ${tableWords(access.relation)}`;
}

function tableWords(relation: RelationName | undefined): string {
  return relation === undefined ? "an act without a table" : sayRelation(relation);
}

function sayRelation({ schema, name }: RelationName): string {
  if (schema === "*" && name === "*") return "any table";
  if (name === "*") return `any table of ${sayName(schema)}`;
  return `${schema === "*" ? "any schema's" : `${sayName(schema)}.`}${schema === "*" ? ` ${sayName(name)}` : sayName(name)}`;
}

function sayCode({ kind, schemas, name }: Call): string {
  const last = kind === "operator" ? printable(name, NAME_CHARS_MAX) : sayName(name);
  const [only, ...more] = schemas;
  return only !== undefined && more.length === 0 ? `${sayName(only)}.${last}` : last;
}

function sayName(name: string): string {
  if (/^[a-z_][a-z0-9_$]*$/.test(name)) return name.slice(0, NAME_CHARS_MAX);
  return `"${printable(name, NAME_CHARS_MAX).replaceAll('"', '""')}"`;
}

/** Names come from the statement: no line break or terminal escape may travel with them into a refusal or a log. */
function printable(text: string, charsMax: number): string {
  const clean = text.replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, "\ufffd");
  return clean.length > charsMax ? `${clean.slice(0, charsMax)}…` : clean;
}
