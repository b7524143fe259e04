/**
 * The origin on an object. It is written when the object is made, whatever its author wrote there, and kept through every change: a
 * Deployment's controller copies annotations onto its ReplicaSets again and again, and has to be healed rather than refused.
 */
import { ORIGIN } from "../../names.ts";
import { type Origin, originOf, type UserInfo } from "./origin.ts";

/** A pod, a workload, or anything else with metadata. */
export interface Stampable {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

export interface OriginFinding {
  readonly field: string;
  readonly rule: "origin";
  readonly message: string;
  readonly fix: string;
}

/** `object` with this origin and no other. */
export function stamp<T extends Stampable>(object: T, origin: Origin): T {
  const others = withoutOrigin(object);
  const annotations = { ...others, ...origin };
  if (Object.keys(annotations).length === 0 && object.metadata?.annotations === undefined) return object;
  return { ...object, metadata: { ...object.metadata, annotations } };
}

/** `object` with the origin that it had before the change. */
export const keepOrigin = <T extends Stampable>(object: T, oldObject: Stampable): T =>
  stamp(object, originOn(oldObject));

/** On CREATE: the stamp is the requester's. */
export function checkOrigin(object: Stampable, userInfo: UserInfo): readonly OriginFinding[] {
  const read = originOf(userInfo);
  if (read.outcome === "refused") return [finding("metadata.annotations", read.reason)];
  return compare(originOn(object), read.origin, "does not say who makes the object");
}

/** On UPDATE: it is the one that was there. */
export const checkOriginUnchanged = (object: Stampable, oldObject: Stampable): readonly OriginFinding[] =>
  compare(originOn(object), originOn(oldObject), "says who made the object, and does not change");

export function originOn(object: Stampable): Origin {
  const annotations = object.metadata?.annotations ?? {};
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => KEYS.has(key)));
}

const KEYS: ReadonlySet<string> = new Set(Object.values(ORIGIN));

const withoutOrigin = (object: Stampable): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(object.metadata?.annotations ?? {}).filter(([key]) => !KEYS.has(key)));

function compare(actual: Origin, expected: Origin, message: string): readonly OriginFinding[] {
  return [...KEYS]
    .filter((key) => actual[key] !== expected[key])
    .map((key) => finding(`metadata.annotations[${key}]`, message));
}

const finding = (field: string, message: string): OriginFinding => ({
  field,
  rule: "origin",
  message,
  fix: "Leave it out: admission writes it.",
});
