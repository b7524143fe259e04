/** Acts on a Kubernetes API in words, for refusals, explanations and the trail. */
import type { Act, ResourceAct } from "./acts.ts";
import {
  type Matcher,
  coversName,
  coversNamespace,
  coversPath,
  coversResource,
  speaksOfVerb,
  touches,
} from "./matcher.ts";
import { hasToBeNamed, whyClosed } from "./sensitive.ts";

const NAME_CHARS_MAX = 80;

export function say(act: Act): string {
  switch (act.kind) {
    case "resource":
      return `${act.verb} ${sayResource(act)}${sayPlace(act)}`;
    case "path":
      return `${act.verb} ${printable(act.path)}`;
    case "impersonation":
      return `impersonation of ${act.of === undefined ? "somebody else" : printable(act.of)}`;
    case "doubt":
      return printable(act.text);
  }
}

/** `deployments.apps/scale` */
export function sayResource({ resource, group, subresource }: ResourceAct): string {
  const name = printable(group === "" ? resource : `${resource}.${group}`);
  return subresource === undefined ? name : `${name}/${printable(subresource)}`;
}

/** ` shop/web`, or what there is of it. */
function sayPlace({ namespace, name, verb }: ResourceAct): string {
  if (name !== undefined)
    return namespace === undefined ? ` ${printable(name)}` : ` ${printable(namespace)}/${printable(name)}`;
  if (namespace !== undefined) return ` in ${printable(namespace)}`;
  return verb === "create" ? "" : " everywhere";
}

export function whyNotCovered(matcher: Matcher, act: Act): readonly string[] {
  if (act.kind === "doubt") return ["no rule permits what is not understood"];
  const closed = whyClosed(act);
  if (act.kind === "impersonation" || closed !== undefined) return [`no rule opens it: ${closed}`];
  const why = speaksOfVerb(matcher, act) ? [] : [`its verbs do not list ${act.verb}`];
  if (act.kind === "path") {
    if (!coversPath(matcher, act)) why.push(`its paths do not cover ${printable(act.path)}`);
    return why;
  }
  if (!coversResource(matcher, act)) why.push(whyNotResource(act));
  if (!coversNamespace(matcher, act)) why.push(`its namespaces do not cover ${sayNamespace(act)}`);
  if (!coversName(matcher, act)) why.push(`its names do not cover ${sayName(act)}`);
  return why;
}

function whyNotResource(act: ResourceAct): string {
  const what = sayResource(act);
  return hasToBeNamed(act)
    ? `its resources do not write out ${what}, and no star takes it in`
    : `its resources do not cover ${what}`;
}

function sayNamespace({ namespace }: ResourceAct): string {
  return namespace === undefined ? "what is in no namespace, or in all" : printable(namespace);
}

function sayName({ name, verb }: ResourceAct): string {
  if (name !== undefined) return printable(name);
  return verb === "create" ? "what is created, whose name the request's path does not say" : "a whole list";
}

export function whyTouched(matcher: Matcher, act: Act): string {
  switch (touches(matcher, act)) {
    case "hit":
      return matcher.whole ? "it means everything" : `it may mean ${say(act)}`;
    case "blind":
      return "what is not understood may do what it forbids";
    case "none":
      return "it does not speak of it";
  }
}

function printable(text: string): string {
  const plain = text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?");
  return plain.length <= NAME_CHARS_MAX ? plain : `${plain.slice(0, NAME_CHARS_MAX - 1)}…`;
}
