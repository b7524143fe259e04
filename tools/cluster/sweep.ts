/** Removes what runs left that could not clean up: a power cut, or somebody who killed the guards too. */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { lstat, readFile, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { cacheFolder } from "./cache.ts";
import { OWNER_FILE, isOrphaned } from "./owner.ts";

/** A folder gets its mark right after it was made. */
const UNMARKED_MS_MAX = 60_000;
const GONE_MS_MAX = 5_000;
const POLL_MS = 10;

/** `prefix`: of folders in the machine's folder for temporary files. Only this user's are looked at. */
export async function sweepOrphans(prefix: string, nowMs: number = Date.now()): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const folder = `${tmpdir()}/${name}`;
    if (!name.startsWith(prefix) || !(await isLeftBehind(folder, nowMs))) continue;
    await endProcessesOf(folder);
    await rm(folder, { recursive: true, force: true });
  }
}

async function isLeftBehind(folder: string, nowMs: number): Promise<boolean> {
  try {
    const found = await lstat(folder);
    if (!found.isDirectory() || found.uid !== process.getuid?.()) return false;
    const mark = await readFile(`${folder}/${OWNER_FILE}`, "utf8").catch(unlessMissing);
    return mark === undefined ? nowMs - found.mtimeMs > UNMARKED_MS_MAX : isOrphaned(mark);
  } catch (error) {
    // Somebody else removed it while we looked.
    unlessMissing(error);
    return false;
  }
}

/** Known by the program that they are and the folder that they were given, never by a name. */
async function endProcessesOf(folder: string): Promise<void> {
  const deadlineMs = Date.now() + GONE_MS_MAX;
  for (let pids = processesOf(folder); pids.length > 0; pids = processesOf(folder)) {
    if (Date.now() > deadlineMs) throw new Error(`processes ${pids.join(", ")} of ${folder} cannot be ended`);
    for (const pid of pids) kill(pid);
    await pause(POLL_MS);
  }
}

function processesOf(folder: string): readonly number[] {
  const programs = `${cacheFolder()}/bin/`;
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(Number).filter((pid) => {
    try {
      if (!readlinkSync(`/proc/${pid}/exe`).startsWith(programs)) return false;
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`${folder}/`);
    } catch (error) {
      unlessMissing(error);
      return false;
    }
  });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    unlessMissing(error);
  }
}

/** What ends while one looks at it, and what belongs to somebody else. */
function unlessMissing(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOENT" && code !== "ESRCH" && code !== "EACCES") throw error;
}
