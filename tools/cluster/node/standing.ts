/** The cluster that `make cluster` leaves standing: one per checkout, owned by a keeper that outlives make. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { isOrphaned, ownerMark } from "../owner.ts";

export interface Standing {
  /** The keeper's mark; its pid is in it too. */
  readonly mark: string;
  readonly pid: number;
  readonly kubeconfig: string;
  readonly images: readonly string[];
}

/** `SALLYPORT_CLUSTER` is another place for what is known of it, so that tests do not meet somebody's own. */
const FOLDER =
  process.env["SALLYPORT_CLUSTER"] ?? fileURLToPath(new URL("../../../.cache/cluster", import.meta.url));
const STATE = `${FOLDER}/standing.json`;
export const KEEPER_LOG = `${FOLDER}/keeper.log`;
export const KEEPER = fileURLToPath(new URL("keeper.ts", import.meta.url));

/** Nothing when there is none, or when its keeper is gone and everything with it. */
export async function findStanding(): Promise<Standing | undefined> {
  await mkdir(FOLDER, { recursive: true });
  const text = await readFile(STATE, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const standing = JSON.parse(text) as Standing;
  return isOrphaned(standing.mark) ? undefined : standing;
}

export async function writeStanding(facts: Omit<Standing, "mark" | "pid">): Promise<void> {
  const standing: Standing = { ...facts, mark: ownerMark(), pid: process.pid };
  await writeFile(STATE, JSON.stringify(standing));
}

export async function forgetStanding(): Promise<void> {
  await rm(STATE, { force: true });
}
