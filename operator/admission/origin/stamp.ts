/**
 * What admission has written on an object about who made it. It is written when the object is made, whatever its author wrote there, and
 * kept through changes: a Deployment's controller copies annotations onto its ReplicaSets again and again, and has to be healed rather
 * than refused.
 */
import { AUTHOR, ORIGIN, RESTAMPED } from "../../names.ts";

/** A pod, a workload, or anything else with metadata. */
export interface Stampable {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
}

/** Annotations with names of ours. */
export type Stamps = Readonly<Record<string, string>>;

export interface OriginFinding {
  readonly field: string;
  readonly rule: "origin";
  readonly message: string;
  readonly fix: string;
}

const KEYS: ReadonlySet<string> = new Set([...Object.values(ORIGIN), ...Object.values(AUTHOR), RESTAMPED]);

const ORIGIN_KEYS: ReadonlySet<string> = new Set(Object.values(ORIGIN));

/** `object` with these stamps and no others. */
export function stamp<T extends Stampable>(object: T, stamps: Stamps): T {
  const others = withoutStamps(object);
  const annotations = { ...others, ...stamps };
  if (Object.keys(annotations).length === 0 && object.metadata?.annotations === undefined) return object;
  return { ...object, metadata: { ...object.metadata, annotations } };
}

export function stampsOn(object: Stampable): Stamps {
  const annotations = object.metadata?.annotations ?? {};
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => KEYS.has(key)));
}

/** Of these stamps, who made it. */
export function originIn(stamps: Stamps): Stamps {
  return Object.fromEntries(Object.entries(stamps).filter(([key]) => ORIGIN_KEYS.has(key)));
}

/** Where the stamps are not these. When it changed hands is for controllers to wait by, and nobody's right hangs on it. */
export function checkStamps(object: Stampable, expected: Stamps): readonly OriginFinding[] {
  const actual = stampsOn(object);
  return [...KEYS]
    .filter((key) => key !== RESTAMPED && actual[key] !== expected[key])
    .map((key) =>
      originFinding(
        `metadata.annotations[${key}]`,
        "does not say who made it",
        "Leave it out: admission writes it.",
      ),
    );
}

export function originFinding(field: string, message: string, fix: string): OriginFinding {
  return { field, rule: "origin", message, fix };
}

const withoutStamps = (object: Stampable): Stamps =>
  Object.fromEntries(Object.entries(object.metadata?.annotations ?? {}).filter(([key]) => !KEYS.has(key)));
