/**
 * Names of ours inside of what pods are made from. Controllers copy them onto pods, and a controller is believed whose pods are: what is
 * written there must come from admission alone.
 */
import { isRecord } from "../../kube/error.ts";
import { isReservedKey } from "../pod/rules/names.ts";
import { type OriginFinding, originFinding } from "./stamp.ts";

/** Of a real template there are a dozen levels. */
const LEVELS_MAX = 64;
const FINDINGS_MAX = 16;

/** Those that the change brings in: one that was there before the namespace was labelled can still be scaled and removed. */
export function reservedInTemplates(object: unknown, oldObject: unknown): readonly OriginFinding[] {
  const before = new Set(found(specOf(oldObject)));
  return found(specOf(object))
    .filter((field) => !before.has(field))
    .slice(0, FINDINGS_MAX)
    .map((field) =>
      originFinding(
        `spec${field}`,
        "is Sallyport's, and not for templates",
        "Leave it out: admission writes it.",
      ),
    );
}

const specOf = (object: unknown): unknown => (isRecord(object) ? object["spec"] : undefined);

function found(value: unknown, level = 0): readonly string[] {
  if (level > LEVELS_MAX) return [];
  if (Array.isArray(value))
    return value.flatMap((item, index) => found(item, level + 1).map((field) => `[${index}]${field}`));
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, member]) => [
    ...(key === "metadata" ? inMetadata(member) : []),
    ...found(member, level + 1).map((field) => `.${key}${field}`),
  ]);
}

function inMetadata(metadata: unknown): readonly string[] {
  if (!isRecord(metadata)) return [];
  return ["labels", "annotations"].flatMap((map) => {
    const keys = isRecord(metadata[map]) ? Object.keys(metadata[map]) : [];
    return keys.filter(isReservedKey).map((key) => `.metadata.${map}[${key}]`);
  });
}
