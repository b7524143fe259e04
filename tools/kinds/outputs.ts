/** Everything that is generated from crds/source: paths below the repository's root, and texts. */
import { checkBounds } from "./bounds.ts";
import { editorSchemaText } from "./editor-schema.ts";
import { expandKinds } from "./expand.ts";
import { manifestText } from "./manifests.ts";
import { readerSchemaText } from "./reader-schema.ts";
import type { Sources } from "./sources.ts";
import { typesText } from "./types.ts";

export function generateOutputs(sources: Sources): ReadonlyMap<string, string> {
  const kinds = expandKinds(sources);
  const problems = checkBounds(kinds);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const protocols = sources.protocols.map(({ protocol }) => protocol);
  const outputs = new Map<string, string>();
  for (const kind of kinds) {
    if (kind.manifest !== undefined) {
      outputs.set(`crds/assembled/${kind.file}`, manifestText(kind, kind.manifest));
    }
  }
  outputs.set("crds/schema/sallyport.schema.json", editorSchemaText(kinds));
  outputs.set("core/api/kinds.gen.ts", typesText(kinds, protocols));
  outputs.set("core/api/schema.gen.ts", readerSchemaText(kinds));
  return outputs;
}
