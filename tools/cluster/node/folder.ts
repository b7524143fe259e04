/** The folder in which all of one cluster lies, and what becomes of those that nobody owns any more. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename } from "node:path";
import { promisify } from "node:util";
import { removeWhatIsLeft } from "./machine.ts";

const run = promisify(execFile);
const PREFIX = "sallyport-node-";
/** A folder gets its lock right after it is made. */
const WITHOUT_LOCK_MS_MAX = 60_000;
const PARTS = ["log", "etc/cni", "containerd", "kubelet", "addresses", "volumes"];

export async function newFolder(): Promise<string> {
  const folder = await mkdtemp(`${tmpdir()}/${PREFIX}`);
  for (const part of PARTS) await mkdir(`${folder}/${part}`, { recursive: true });
  return folder;
}

/** Also that of its control groups. */
export function nameOf(folder: string): string {
  return basename(folder);
}

/** Removes what a power cut left, or a kill of everything at once, guards included. `place`: where folders are made. */
export async function sweep(place: string = tmpdir()): Promise<void> {
  const names = (await readdir(place)).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => `${place}/${name}`))
    if (await isAbandoned(folder)) await removeWhatIsLeft(folder);
}

async function isAbandoned(folder: string): Promise<boolean> {
  const lock = `${folder}/lock`;
  if (!existsSync(lock)) {
    const made = await stat(folder).catch(() => undefined);
    return made !== undefined && Date.now() - made.mtimeMs > WITHOUT_LOCK_MS_MAX;
  }
  // The lock is the kernel's: it went with the last process that held it.
  return run("flock", ["--nonblock", lock, "true"]).then(
    () => true,
    () => false,
  );
}
