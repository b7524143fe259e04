/** Images that a cluster needs and no registry gives: made once per machine, kept outside the tree under what they are made of. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, rename } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { writeImage } from "#tools/images/oci.ts";
import { cacheFolder } from "../cache.ts";
import { makeOnce } from "../lock.ts";
import { PAUSE_IMAGE } from "./containerd.ts";

const run = promisify(execFile);
const PAUSE_SOURCE = fileURLToPath(new URL("pause.c", import.meta.url));
const PAUSE_FLAGS = ["-Os", "-static", "-s"];
const MAKE_MS_MAX = 10 * 60_000;

/** The program that holds a machine's and every pod's namespaces. */
export async function pauseProgram(): Promise<string> {
  const key = keyOf(await readFile(PAUSE_SOURCE), PAUSE_FLAGS.join(" "), process.arch);
  return made(`pause-${key}`, async (draft) => {
    await run("gcc", [...PAUSE_FLAGS, "-o", draft, PAUSE_SOURCE]);
  });
}

export async function pauseImage(): Promise<string> {
  const file = await pauseProgram();
  const key = keyOf(await readFile(file));
  return made(`pause-${key}.tar`, async (draft) => {
    await writeImage({
      out: draft,
      name: PAUSE_IMAGE,
      config: { user: "65535:65535", entrypoint: ["/pause"] },
      layers: [[{ kind: "file", path: "pause", content: { file }, mode: 0o755 }]],
    });
  });
}

export function keyOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 16);
}

/** Where it is, once it is there; `make` writes it to another name first. */
export async function made(name: string, make: (draft: string) => Promise<void>): Promise<string> {
  const folder = `${cacheFolder()}/images`;
  const path = `${folder}/${name}`;
  await mkdir(folder, { recursive: true });
  const isThere = (): Promise<boolean> => Promise.resolve(existsSync(path));
  const makeIt = async (): Promise<void> => {
    await make(`${path}.draft`);
    await rename(`${path}.draft`, path);
  };
  await makeOnce(`${folder}/lock`, isThere, makeIt, AbortSignal.timeout(MAKE_MS_MAX));
  return path;
}
