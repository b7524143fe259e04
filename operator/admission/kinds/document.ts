/** An object as an API server keeps it, made a document for the reader of kinds: JSON is YAML, and what only a cluster adds goes. */
import type { KindFile } from "#core/api/load.ts";
import { REVOCATION } from "#core/policy/revocation.ts";
import { isRecord } from "../../kube/error.ts";

/**
 * Of an object's metadata policy knows its name, what a Connection is selected by, and what a revocation says of itself. Other labels and
 * annotations are other people's.
 */
const METADATA_READ = ["name", "namespace"];
const { label, ...SAID } = REVOCATION;

export function documentOf(object: unknown, path: string): KindFile {
  if (!isRecord(object)) return { path, text: JSON.stringify(object) ?? "null" };
  const { status: _, ...rest } = object;
  const read = object["kind"] === "Connection" ? [...METADATA_READ, "labels"] : METADATA_READ;
  return { path, text: JSON.stringify({ ...rest, metadata: metadataOf(object, read) }) };
}

/** What is no metadata stays as it is, for the reader to say so. */
function metadataOf(object: Readonly<Record<string, unknown>>, read: readonly string[]): unknown {
  const { metadata } = object;
  return isRecord(metadata) ? { ...pick(metadata, read), ...ofRevocation(object) } : metadata;
}

function ofRevocation({ kind, metadata }: Readonly<Record<string, unknown>>): object {
  const { labels, annotations } = isRecord(metadata) ? metadata : {};
  if (kind !== "ClusterSecretAccessPolicy" || !isRecord(labels) || !(label in labels)) return {};
  const said = isRecord(annotations) ? annotations : {};
  return { labels: pick(labels, [label]), annotations: pick(said, Object.values(SAID)) };
}

function pick(value: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.filter((name) => name in value).map((name) => [name, value[name]]));
}
