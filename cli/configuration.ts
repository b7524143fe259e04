/** A directory of kinds, read once, together with the means to say where in its files something stands. */
import type { Diagnostic } from "#core/api/diagnostic.ts";
import { cutDocuments, withoutByteOrderMark } from "#core/api/documents.ts";
import { collectFindings, type Position, positions } from "#core/api/findings.ts";
import type { Loaded } from "#core/api/loaded.ts";
import type { KindFile } from "#core/api/load.ts";
import { entryOf, type Located, offsetOf, type Path } from "#core/api/located.ts";
import { readTree } from "#core/api/tree.ts";
import { DEFAULT_NAMESPACE } from "#core/policy/connection-selector.ts";

interface ObjectName {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

export type Place = Pick<Diagnostic, "file" | "line" | "column">;

export interface Configuration {
  readonly files: readonly KindFile[];
  readonly loaded: Loaded;
  readonly textOf: (file: string) => string | undefined;
  /** Undefined for an object that stands in none of the files. */
  readonly placeOf: (object: ObjectName, path: Path) => Place | undefined;
}

export function configurationOf(files: readonly KindFile[], loaded: Loaded): Configuration {
  let index: ReadonlyMap<string, PlacedDocument> | undefined;
  return {
    files,
    loaded,
    textOf: (path) => textOf(files.find((file) => file.path === path)),
    placeOf: (object, path) => {
      index ??= new Map(files.flatMap(documentsOf));
      const document = index.get(keyOf(object));
      return document && { file: document.file, ...document.positionOf(offsetOf(document.root, path)) };
    },
  };
}

interface PlacedDocument {
  readonly file: string;
  readonly root: Located;
  readonly positionOf: (offset: number) => Position;
}

function documentsOf(file: KindFile): (readonly [key: string, document: PlacedDocument])[] {
  const text = withoutByteOrderMark(textOf(file) ?? "");
  const cut = cutDocuments(text);
  if (!("documents" in cut)) return [];
  const positionOf = positions(text);
  return cut.documents.flatMap((document) => {
    // What is wrong with the document was said when it was loaded; here it is only looked up.
    const tree = readTree(document.text, document.start, collectFindings(file.path, positionOf));
    if (!("root" in tree)) return [];
    const metadata = entryOf(tree.root, "metadata")?.value;
    const [kind, name, namespace] = [
      textAt(tree.root, "kind"),
      textAt(metadata, "name"),
      textAt(metadata, "namespace"),
    ];
    if (kind === undefined || name === undefined) return [];
    const object = { kind, name, ...(namespace !== undefined && { namespace }) };
    return [[keyOf(object), { file: file.path, root: tree.root, positionOf }] as const];
  });
}

function textOf(file: KindFile | undefined): string | undefined {
  return file !== undefined && "text" in file ? file.text : undefined;
}

function textAt(node: Located | undefined, key: string): string | undefined {
  const value = entryOf(node, key)?.value;
  return value?.kind === "scalar" ? value.text : undefined;
}

/** An absent namespace is the default one, except for kinds that have none; those never differ by it. */
function keyOf({ kind, namespace, name }: ObjectName): string {
  return JSON.stringify([kind, namespace ?? DEFAULT_NAMESPACE, name]);
}
