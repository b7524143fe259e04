/** An object as an API server keeps it, made a document for the reader of kinds: JSON is YAML, and what only a cluster adds goes. */
import type { KindFile } from "#core/api/load.ts";
import { isRecord } from "../../kube/error.ts";

/** Of an object's metadata policy knows its name, and what a Connection is selected by. Annotations are other people's. */
const METADATA_READ = ["name", "namespace"];

export function documentOf(object: unknown, path: string): KindFile {
  if (!isRecord(object)) return { path, text: JSON.stringify(object) ?? "null" };
  const { status: _, metadata, ...rest } = object;
  const read = object["kind"] === "Connection" ? [...METADATA_READ, "labels"] : METADATA_READ;
  return { path, text: JSON.stringify({ ...rest, metadata: pick(metadata, read) }) };
}

function pick(value: unknown, names: readonly string[]): unknown {
  if (!isRecord(value)) return value;
  return Object.fromEntries(names.filter((name) => name in value).map((name) => [name, value[name]]));
}
