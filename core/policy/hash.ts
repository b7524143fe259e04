/** The fingerprint of a policy's text, the same for every spelling of the same content. */
import { createHash } from "node:crypto";
import { isRecord } from "./shape.ts";

const DEPTH_MAX = 32;

export function specHash(spec: unknown): string {
  return `sha256:${createHash("sha256").update(canonicalJson(spec)).digest("hex")}`;
}

/** JSON with sorted keys, without spaces; undefined fields are absent. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DEPTH_MAX) throw new RangeError(`nested deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) return `[${value.map((entry) => canonicalJson(entry, depth + 1)).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value) ?? "null";
  let text = "";
  for (const key of Object.keys(value).sort()) {
    if (value[key] === undefined) continue;
    text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${canonicalJson(value[key], depth + 1)}`;
  }
  return `{${text}}`;
}
