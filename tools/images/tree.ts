/** A folder's content as entries of a layer: names, contents, links and whether a file may be executed; nothing else of it. */
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "./tar.ts";

/** `at` is where the folder's content stands in the image; empty for its root. */
export function entriesOf(folder: string, at: string): Entry[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true }).map((found): Entry => {
    const file = join(found.parentPath, found.name);
    const path = join(at, file.slice(folder.length + 1));
    if (found.isDirectory()) return { kind: "folder", path };
    if (found.isSymbolicLink()) return { kind: "link", path, to: readlinkSync(file) };
    if (!found.isFile()) throw new Error(`${file} is neither file, folder nor link`);
    return {
      kind: "file",
      path,
      content: { file },
      mode: (statSync(file).mode & 0o100) === 0 ? 0o644 : 0o755,
    };
  });
}
