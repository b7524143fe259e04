/**
 * A compiled `kubernetes` block of a rule, and what it says about one act.
 *
 * - What is left out narrows nothing; an allow or ask rule says at least its verbs, and resources or paths.
 * - A rule with `resources`, `namespaces` or `names` is about resources, one with `paths` about paths, one with neither about both.
 * - `namespaces` and `names` of an allow rule cover only what is certainly there: no list over all namespaces, and nothing that is
 *   created, whose name stands in its body. A deny or ask rule meets a list that could show what it names.
 */
import { type Fields, type Report, join, readChoice, readFields, readList, readTexts } from "../../shape.ts";
import type { RuleEffect, Touch } from "../family.ts";
import { type Act, type PathAct, type ResourceAct, VERBS, type Verb, isOfMany } from "./acts.ts";
import {
  EVERY,
  type NamePattern,
  type ResourcePattern,
  matchesName,
  matchesResource,
  namePattern,
  parseResource,
} from "./patterns.ts";
import { hasToBeNamed, isWrittenOut, whyClosed, whyResourceClosed } from "./sensitive.ts";

export interface Matcher {
  /** Undefined: every one. */
  readonly verbs: ReadonlySet<Verb> | undefined;
  readonly resources: readonly ResourcePattern[] | undefined;
  readonly namespaces: readonly NamePattern[] | undefined;
  readonly names: readonly NamePattern[] | undefined;
  readonly paths: readonly NamePattern[] | undefined;
  /** Nothing narrows it. */
  readonly whole: boolean;
  /** A question about everything is not asked about discovery, which every client does first. */
  readonly sparesDiscovery: boolean;
}

const FIELDS = ["verbs", "resources", "namespaces", "names", "paths"];
const VERB_WORDS = [EVERY, ...VERBS] as const;

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
  const at = (name: string): string => join(path, name);
  const named = (name: string): readonly NamePattern[] | undefined =>
    fields[name] === undefined ? undefined : readTexts(fields[name], at(name), note).map(namePattern);
  const parts = {
    verbs: readVerbs(fields["verbs"], at("verbs"), note),
    resources: readResources(fields["resources"], effect, at("resources"), note),
    namespaces: named("namespaces"),
    names: named("names"),
    paths: named("paths"),
  };
  checkWhole(fields, effect, path, note);
  if (broken) return undefined;
  const { resources, ...narrowing } = parts;
  const isNarrowed = Object.values(narrowing).some((part) => part !== undefined);
  const whole = !isNarrowed && (resources === undefined || resources.some(isEverything));
  return { ...parts, whole, sparesDiscovery: effect === "ask" && parts.paths === undefined };
}

/** What belongs together, and what does not. */
function checkWhole(fields: Fields, effect: RuleEffect, path: string, report: Report): void {
  const has = (name: string): boolean => fields[name] !== undefined;
  for (const name of FIELDS)
    if (Array.isArray(fields[name]) && fields[name].length === 0)
      report(join(path, name), "is empty; leave it out, or list what it means");
  if (has("paths") && ["resources", "namespaces", "names"].some(has))
    report(join(path, "paths"), "paths are no resources: give them a rule of their own");
  if (effect !== "allow") return;
  if (!has("verbs")) report(join(path, "verbs"), "is missing: say which verbs");
  if (!has("resources") && !has("paths")) report(path, "must say what it is about: resources, or paths");
}

/** Undefined: every one. */
function readVerbs(value: unknown, path: string, report: Report): ReadonlySet<Verb> | undefined {
  const words = readList(value, path, report).map((word, index) =>
    readChoice(word, VERB_WORDS, `${path}[${index}]`, report),
  );
  if (value === undefined || words.includes(EVERY)) return undefined;
  return new Set(words.filter((word) => word !== undefined && word !== EVERY));
}

function isEverything({ resource, group, subresource }: ResourcePattern): boolean {
  return resource === EVERY && group === EVERY && subresource === undefined;
}

function readResources(
  value: unknown,
  effect: RuleEffect,
  path: string,
  report: Report,
): readonly ResourcePattern[] | undefined {
  if (value === undefined) return undefined;
  return readTexts(value, path, report).flatMap((text, index) => {
    const at = `${path}[${index}]`;
    const pattern = parseResource(text, at, report);
    const closed = pattern === undefined || effect === "deny" ? undefined : whyResourceClosed(pattern);
    if (closed !== undefined) report(at, `no rule opens ${text}: ${closed}`);
    return pattern ?? [];
  });
}

export function covers(matcher: Matcher, act: Act): boolean {
  switch (act.kind) {
    case "resource":
      return (
        whyClosed(act) === undefined &&
        speaksOfVerb(matcher, act) &&
        coversResource(matcher, act) &&
        coversNamespace(matcher, act) &&
        coversName(matcher, act)
      );
    case "path":
      return speaksOfVerb(matcher, act) && coversPath(matcher, act);
    case "impersonation":
    case "doubt":
      return false;
  }
}

export function touches(matcher: Matcher, act: Act): Touch {
  switch (act.kind) {
    case "resource":
      return touchesResource(matcher, act) ? "hit" : "none";
    case "path":
      return touchesPath(matcher, act) ? "hit" : "none";
    case "impersonation":
      return matcher.whole ? "hit" : "none";
    case "doubt":
      return matcher.whole ? "hit" : "blind";
  }
}

/** Where the API tells of itself, as its own `system:discovery` role permits it to everybody; clients get nowhere without. */
const DISCOVERY = [
  "/api",
  "/api/*",
  "/apis",
  "/apis/*",
  "/healthz",
  "/livez",
  "/openapi",
  "/openapi/*",
  "/readyz",
  "/version",
].map(namePattern);

export function isImplied(act: Act): boolean {
  return act.kind === "path" && act.verb === "get" && matchesName(DISCOVERY, act.path);
}

export function speaksOfVerb({ verbs }: Matcher, { verb }: ResourceAct | PathAct): boolean {
  return verbs === undefined || verbs.has(verb);
}

export function coversResource({ resources }: Matcher, act: ResourceAct): boolean {
  const mustBeNamed = hasToBeNamed(act);
  return (resources ?? []).some(
    (pattern) => matchesResource(pattern, act) && (!mustBeNamed || isWrittenOut(pattern)),
  );
}

export function coversNamespace({ namespaces }: Matcher, { namespace }: ResourceAct): boolean {
  return namespaces === undefined || (namespace !== undefined && matchesName(namespaces, namespace));
}

export function coversName({ names }: Matcher, { name }: ResourceAct): boolean {
  return names === undefined || (name !== undefined && matchesName(names, name));
}

export function coversPath({ paths }: Matcher, { path }: PathAct): boolean {
  return paths !== undefined && matchesName(paths, path);
}

function touchesResource(matcher: Matcher, act: ResourceAct): boolean {
  const { resources, namespaces, names, paths } = matcher;
  if (paths !== undefined || !speaksOfVerb(matcher, act)) return false;
  if (resources !== undefined && !resources.some((pattern) => matchesResource(pattern, act))) return false;
  return mayBe(namespaces, act.namespace, isOfMany(act)) && mayBe(names, act.name, isOfMany(act));
}

/** `isOpen`: the act leaves open which, so that it may be any. */
function mayBe(
  patterns: readonly NamePattern[] | undefined,
  name: string | undefined,
  isOpen: boolean,
): boolean {
  if (patterns === undefined) return true;
  return name === undefined ? isOpen : matchesName(patterns, name);
}

function touchesPath(matcher: Matcher, act: PathAct): boolean {
  const { resources, namespaces, names, paths, sparesDiscovery } = matcher;
  if (!speaksOfVerb(matcher, act)) return false;
  if (sparesDiscovery && isImplied(act)) return false;
  if (paths !== undefined) return matchesName(paths, act.path);
  // Everything is everything, whether it is written as a star or not at all.
  return matcher.whole || (resources === undefined && namespaces === undefined && names === undefined);
}
