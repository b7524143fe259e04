/** What a gateway leaves for the one that is started after it in the same pod: small files in memory that only gateways can read. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Undefined where there is none yet. */
export function readState(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Whole or not at all: whoever is killed over it leaves the one before. */
export function writeState(folder: string, name: string, text: string, mode: number): void {
  const path = join(folder, name);
  writeFileSync(`${path}.new`, text, { mode });
  renameSync(`${path}.new`, path);
}
