/** Everything that is generated from crds/source: paths below the repository's root, and texts. */
import { checkBounds } from "./bounds.ts";
import { editorSchemaText } from "./editor-schema.ts";
import { expandKinds } from "./expand.ts";
import { manifestText } from "./manifests.ts";
import { readerSchemaText } from "./reader-schema.ts";
import type { Sources } from "./sources.ts";
import { typesText } from "./types.ts";

/** Everything in them is generated. */
export const MANIFEST_FOLDERS = ["crds/assembled", "charts/sallyport/kinds"] as const;

export function generateOutputs(sources: Sources): ReadonlyMap<string, string> {
  const kinds = expandKinds(sources);
  const problems = checkBounds(kinds);
  if (problems.length > 0) throw new Error(problems.join("\n"));
  const protocols = sources.protocols.map(({ protocol }) => protocol);
  const outputs = new Map<string, string>();
  for (const kind of kinds) {
    if (kind.manifest !== undefined) {
      const text = manifestText(kind, kind.manifest);
      // A chart cannot read what is outside of its folder.
      for (const folder of MANIFEST_FOLDERS) outputs.set(`${folder}/${kind.file}`, text);
    }
  }
  outputs.set("crds/schema/sallyport.schema.json", editorSchemaText(kinds));
  outputs.set("core/api/kinds.gen.ts", typesText(kinds, protocols));
  outputs.set("core/api/schema.gen.ts", readerSchemaText(kinds));
  return outputs;
}
