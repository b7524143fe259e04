/** What is committed of runs. */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Baseline } from "./regression.ts";
import type { Results } from "./results.ts";

/** What docs/performance.md is made of. */
export const PUBLISHED = fileURLToPath(new URL("published.json", import.meta.url));
/** What `make bench-check` compares with. */
export const BASELINE = fileURLToPath(new URL("baseline.json", import.meta.url));
export const DOCUMENT = fileURLToPath(new URL("../../docs/performance.md", import.meta.url));

/** Undefined before the first run is published. */
export function readPublished(): Results | undefined {
  return existsSync(PUBLISHED) ? (JSON.parse(readFileSync(PUBLISHED, "utf8")) as Results) : undefined;
}

/** In words: that there is none. */
export function readBaseline(): Baseline | string {
  if (!existsSync(BASELINE))
    return "there is no baseline yet: make bench-publish, on a machine that does nothing else";
  return JSON.parse(readFileSync(BASELINE, "utf8")) as Baseline;
}
