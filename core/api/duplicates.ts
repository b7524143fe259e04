/** One object written in two places: nobody can tell which is meant, so neither holds. */
import type { ReadDocument } from "./document.ts";
import { offsetOf } from "./located.ts";

/** The documents that stand in each other's way; a finding is added to each. */
export function refuseDuplicates(documents: readonly ReadDocument[]): ReadonlySet<ReadDocument> {
  const byId = new Map<string, ReadDocument[]>();
  for (const document of documents) {
    const { kind, namespace = "", name } = document;
    if (kind === undefined || name === undefined) continue;
    const id = `${kind} ${namespace}/${name}`;
    byId.set(id, [...(byId.get(id) ?? []), document]);
  }
  const refused = new Set<ReadDocument>();
  for (const same of byId.values()) {
    const [first, second] = same;
    if (first === undefined || second === undefined) continue;
    for (const document of same) {
      refused.add(document);
      report(document, document === first ? second : first);
    }
  }
  return refused;
}

function report(document: ReadDocument, other: ReadDocument): void {
  const { kind, name, root, findings } = document;
  if (root === undefined) return;
  const path = ["metadata", "name"];
  const message = `${kind} "${name}" is also at ${other.file}:${other.line}; neither holds until one is removed`;
  findings.add({ code: "DUPLICATE_OBJECT", start: offsetOf(root, path), path, message });
}
