/** What in an object determines what is made from it, and whether that is the same in two of them. */
import { isDeepStrictEqual } from "node:util";
import { isRecord } from "../../kube/error.ts";
import type { FieldPath } from "./registry.ts";

/** `kubectl rollout restart` writes it into a template. Whoever makes pods start again has not written what they run. */
export const RESTARTED = "kubectl.kubernetes.io/restartedAt";
export const RESTARTED_FORM = "^[0-9TZ:+.-]{1,40}$";
const TIME = new RegExp(RESTARTED_FORM, "u");
/** A Deployment's controller adds it to the template of each of its ReplicaSets. */
const HASH = "pod-template-hash";

export function determiningChanged(
  object: unknown,
  oldObject: unknown,
  paths: readonly FieldPath[],
  { restartCounts }: { readonly restartCounts: boolean },
): boolean {
  const part = (of: unknown, path: FieldPath): unknown =>
    restartCounts ? at(of, path) : withoutRestart(at(of, path));
  return paths.some((path) => !isDeepStrictEqual(part(object, path), part(oldObject, path)));
}

/** Whether two templates are one, but for what controllers add, and for members that one of two versions writes as null. */
export function sameTemplate(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(plain(one), plain(other));
}

export function at(object: unknown, path: FieldPath): unknown {
  return path.reduce<unknown>((value, key) => (isRecord(value) ? value[key] : undefined), object);
}

/** Of a template of pods; in a CronJob's part it is one step deeper. */
function withoutRestart(part: unknown): unknown {
  if (!isRecord(part)) return part;
  const { metadata, spec } = part;
  if (isRecord(spec) && isRecord(spec["template"]))
    return { ...part, spec: { ...spec, template: withoutRestart(spec["template"]) } };
  return { ...part, metadata: withoutAnnotation(metadata) };
}

function withoutAnnotation(metadata: unknown): unknown {
  if (!isRecord(metadata) || !isRecord(metadata["annotations"])) return metadata;
  const { [RESTARTED]: at, ...others } = metadata["annotations"];
  if (typeof at !== "string" || !TIME.test(at)) return metadata;
  const { annotations: _, ...rest } = metadata;
  // The first one brings the map along, the last one takes it with it.
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

function plain(template: unknown): unknown {
  if (!isRecord(template)) return template;
  const { $patch: _, metadata, ...rest } = template;
  const labels = isRecord(metadata) && isRecord(metadata["labels"]) ? metadata["labels"] : {};
  const { [HASH]: _hash, ...others } = labels;
  return withoutNulls({ ...rest, metadata: { ...(isRecord(metadata) ? metadata : {}), labels: others } });
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
}
