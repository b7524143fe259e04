/** A root file system as it stands on the disk, as entries of a layer: modes and owners kept, what a kernel mounts left out. */
import { lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Entry } from "#tools/images/tar.ts";

/** A runtime mounts its own there. */
const MOUNTED = new Set(["dev", "proc", "sys", "run"]);

export function everythingIn(root: string): Entry[] {
  const entries: Entry[] = [];
  const walk = (path: string): void => {
    for (const { name } of readdirSync(join(root, path), { withFileTypes: true })) {
      const inside = join(path, name);
      const entry = entryOf(join(root, inside), inside);
      if (entry === undefined) continue;
      entries.push(entry);
      if (entry.kind === "folder" && !MOUNTED.has(inside)) walk(inside);
    }
  };
  walk("");
  return entries;
}

function entryOf(file: string, path: string): Entry | undefined {
  const stat = lstatSync(file);
  const owner = { uid: stat.uid, gid: stat.gid };
  const mode = stat.mode & 0o7777;
  if (stat.isDirectory()) return { kind: "folder", path, mode, owner };
  if (stat.isSymbolicLink()) return { kind: "link", path, to: readlinkSync(file) };
  // Neither sockets nor devices belong into an image.
  return stat.isFile() ? { kind: "file", path, mode, owner, content: { file } } : undefined;
}
