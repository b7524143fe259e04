/**
 * `node tools/kinds/generate.ts` writes what is generated from crds/source; `--check` writes nothing and fails,
 * naming the files, when what is committed is not what would be written.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { MANIFEST_FOLDERS, generateOutputs } from "./outputs.ts";
import { readSources } from "./sources.ts";

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

export function staleFiles(root: string = ROOT): string[] {
  const outputs = generateOutputs(readSources(join(root, "crds", "source")));
  const stale = [...outputs]
    .filter(([path, text]) => readOrEmpty(join(root, path)) !== text)
    .map(([path]) => path);
  return [...stale, ...leftOver(root, outputs)].sort();
}

export function writeOutputs(root: string = ROOT): void {
  const outputs = generateOutputs(readSources(join(root, "crds", "source")));
  for (const [path, text] of outputs) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  for (const path of leftOver(root, outputs)) rmSync(join(root, path));
}

/** A kind that is no longer there must not go on being applied. */
function leftOver(root: string, outputs: ReadonlyMap<string, string>): string[] {
  return MANIFEST_FOLDERS.flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  ).filter((path) => !outputs.has(path));
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return "";
    throw cause;
  }
}

function main(flags: readonly string[]): number {
  if (!flags.includes("--check")) {
    writeOutputs();
    return 0;
  }
  const stale = staleFiles();
  for (const path of stale)
    console.error(`${path} is not what crds/source says: run \`make generate\` and commit it`);
  return stale.length === 0 ? 0 : 1;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
