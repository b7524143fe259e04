/** The repository as the architecture tests see it: tracked files and the imports written in them. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";

export const ROOT = resolve(import.meta.dirname, "../..");

/** Tracked files and new ones not ignored, as they are in the working tree. */
export function repositoryFiles(pattern: RegExp): string[] {
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 16 * 1024 * 1024,
  });
  return listed.split("\n").filter((path) => pattern.test(path) && existsSync(join(ROOT, path)));
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export interface Import {
  readonly file: string;
  readonly specifier: string;
  /** The room that the specifier leads to, or undefined for packages and Node's own modules. */
  readonly room: string | undefined;
}

const IMPORT = /(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"\n]+)"/g;

export function importsOf(file: string, text: string = textOf(file)): Import[] {
  return [...text.matchAll(IMPORT)].map(([, specifier = ""]) => ({
    file,
    specifier,
    room: roomOf(file, specifier),
  }));
}

function roomOf(file: string, specifier: string): string | undefined {
  if (specifier.startsWith("#")) return specifier.slice(1).split("/")[0];
  if (!specifier.startsWith(".")) return undefined;
  return relative(ROOT, resolve(ROOT, dirname(file), specifier)).split("/")[0];
}
